"""Power spectrum and bispectrum on the sphere, against their definitions by other means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import eval_legendre, sph_harm_y

from potscope.core.angular import azimuthal, clebsch_gordan, coupling, harmonics, legendre, recurrence, to_complex
from potscope.core.descriptors import BispectrumSO3, PowerSpectrumSO3
from potscope.core.descriptors.so3 import radial_table
from potscope.core.pairs import Pairs

from systems import SYSTEMS, random_rotation, rotated, species_of

CUTOFF, N_MAX = 4.5, 3


def channels(r_p: np.ndarray, radial: str, n_max: int = N_MAX) -> np.ndarray:
    """Radial channels, shape (channels, pairs)."""
    if radial == "gaussian":
        width = CUTOFF / n_max
        smooth = 0.5 * (1 + np.cos(np.pi * r_p / CUTOFF))
        return np.array([np.exp(-((r_p / width - n - 0.5) ** 2) / 2) * smooth for n in range(n_max)])
    x = CUTOFF - r_p
    return np.array([sum(c * x ** (b + 3) for b, c in enumerate(row)) for row in radial_table(radial, n_max, CUTOFF)])


def by_scipy(atoms, radial: str, l_max: int) -> dict[tuple[str, int, int, int, int], complex]:
    """Complex coefficients by species, atom, channel, l and m."""
    pairs = Pairs.from_structures(atoms, CUTOFF)
    g_ap = channels(pairs.r_p, radial)
    theta, phi = np.arccos(pairs.D_pc[:, 2] / pairs.r_p), np.arctan2(pairs.D_pc[:, 1], pairs.D_pc[:, 0])
    symbols = atoms.symbols[pairs.j_p]
    found = {}
    for l in range(l_max + 1):
        for m in range(-l, l + 1):
            Y_p = sph_harm_y(l, m, theta, phi)
            for symbol in species_of(atoms):
                for a in range(N_MAX):
                    term_p = np.where([s == symbol for s in symbols], g_ap[a] * Y_p, 0)
                    for i in range(len(atoms)):
                        found[symbol, i, a, l, m] = term_p[pairs.i_p == i].sum()
    return found


@pytest.mark.parametrize("radial", ["polynomial", "gaussian"])
@pytest.mark.parametrize("name", ["zincblende", "wire", "ethanol"])
def test_power_spectrum_by_the_addition_theorem(name, radial) -> None:
    atoms = SYSTEMS[name]
    spectrum = PowerSpectrumSO3(species_of(atoms), CUTOFF, N_MAX, 5, radial)
    values = spectrum.compute(atoms).values
    pairs = Pairs.from_structures(atoms, CUTOFF)
    g_ap, u_pc = channels(pairs.r_p, radial), pairs.D_pc / pairs.r_p[:, None]
    symbols = np.array([str(symbol) for symbol in atoms.symbols[pairs.j_p]])
    for column, label in enumerate(spectrum.names):
        first, second, l_text, n_text = label.split()
        l, n = int(l_text[1:]), int(n_text[1:])
        for i in range(len(atoms)):
            p, q = (np.flatnonzero((pairs.i_p == i) & (symbols == symbol)) for symbol in (first, second))
            expected = (2 * l + 1) / (4 * np.pi) * g_ap[n, p] @ eval_legendre(l, u_pc[p] @ u_pc[q].T) @ g_ap[n, q]
            assert values[i, column] == pytest.approx(expected, rel=1e-9, abs=1e-11), label


@pytest.mark.parametrize(
    ("name", "radial"), [("zincblende", "polynomial"), ("dimer", "gaussian"), ("water", "gaussian")]
)
def test_bispectrum_by_complex_harmonics(name, radial) -> None:
    atoms = SYSTEMS[name]
    l_max = 3
    spectrum = BispectrumSO3(species_of(atoms), CUTOFF, N_MAX, l_max, radial, chiral=True)
    values = spectrum.compute(atoms).values
    c = by_scipy(atoms, radial, l_max)
    for column, label in enumerate(spectrum.names):
        z, z1, z2, *numbers, n_text = label.split()
        l, l1, l2, n = int(numbers[0][1:]), int(numbers[1]), int(numbers[2]), int(n_text[1:])
        for i in range(len(atoms)):
            expected = sum(
                np.conj(c[z, i, n, l, m1 + m2])
                * clebsch_gordan(l1, m1, l2, m2, l, m1 + m2)
                * c[z1, i, n, l1, m1]
                * c[z2, i, n, l2, m2]
                for m1 in range(-l1, l1 + 1)
                for m2 in range(-l2, l2 + 1)
                if abs(m1 + m2) <= l
            )
            odd = (l + l1 + l2) % 2
            assert abs(expected.real if odd else expected.imag) < 1e-10
            assert values[i, column] == pytest.approx(expected.imag if odd else expected.real, rel=1e-9, abs=1e-10)


def test_clebsch_gordan_coefficients_are_those_of_the_tables() -> None:
    assert clebsch_gordan(1, 0, 1, 0, 2, 0) == pytest.approx(np.sqrt(2 / 3), abs=1e-15)
    assert clebsch_gordan(1, 1, 1, -1, 0, 0) == pytest.approx(1 / np.sqrt(3), abs=1e-15)
    assert clebsch_gordan(1, 0, 1, 1, 1, 1) == pytest.approx(-1 / np.sqrt(2), abs=1e-15)
    assert clebsch_gordan(2, 1, 1, -1, 1, 0) == pytest.approx(np.sqrt(3 / 10), abs=1e-15)
    assert clebsch_gordan(2, 0, 2, 0, 2, 0) == pytest.approx(-np.sqrt(2 / 7), abs=1e-15)
    assert clebsch_gordan(1, 0, 1, 0, 1, 0) == 0.0
    assert clebsch_gordan(1, 1, 1, 1, 2, 1) == 0.0
    assert clebsch_gordan(1, 0, 1, 0, 3, 0) == 0.0
    assert clebsch_gordan(1, 2, 1, -2, 0, 0) == 0.0


@pytest.mark.parametrize(("l1", "l2"), [(0, 0), (1, 2), (3, 3), (8, 5)])
def test_clebsch_gordan_coefficients_are_orthogonal(l1, l2) -> None:
    pairs = [(m1, m2) for m1 in range(-l1, l1 + 1) for m2 in range(-l2, l2 + 1)]
    coupled = [(l, m) for l in range(abs(l1 - l2), l1 + l2 + 1) for m in range(-l, l + 1)]
    C = np.array([[clebsch_gordan(l1, m1, l2, m2, l, m) for l, m in coupled] for m1, m2 in pairs])
    np.testing.assert_allclose(C @ C.T, np.eye(len(pairs)), atol=1e-13)


def test_clebsch_gordan_coefficients_couple_harmonics() -> None:
    """Products of two harmonics are sums of harmonics, with these coefficients (Gaunt)."""
    theta, phi = 0.7, 2.1
    for l1, m1, l2, m2 in [(1, 0, 1, 1), (2, -1, 3, 2), (4, 4, 2, -2)]:
        product = sph_harm_y(l1, m1, theta, phi) * sph_harm_y(l2, m2, theta, phi)
        total = sum(
            np.sqrt((2 * l1 + 1) * (2 * l2 + 1) / (4 * np.pi * (2 * l + 1)))
            * clebsch_gordan(l1, 0, l2, 0, l, 0)
            * clebsch_gordan(l1, m1, l2, m2, l, m1 + m2)
            * sph_harm_y(l, m1 + m2, theta, phi)
            for l in range(abs(l1 - l2), l1 + l2 + 1)
            if abs(m1 + m2) <= l
        )
        assert total == pytest.approx(product, abs=1e-14)


def real_harmonics(u_cq: np.ndarray, l_max: int) -> np.ndarray:
    """Of eight directions, rows as in `harmonics`."""
    P_tq, cos_mq, sin_mq = (
        np.empty(((l_max + 1) * (l_max + 2) // 2, 8)),
        np.empty((l_max + 1, 8)),
        np.empty((l_max + 1, 8)),
    )
    Y_kq = np.empty(((l_max + 1) ** 2, 8))
    legendre(u_cq, l_max, recurrence(l_max), P_tq)
    azimuthal(u_cq, l_max, cos_mq, sin_mq)
    harmonics(l_max, P_tq, cos_mq, sin_mq, Y_kq)
    return Y_kq


def test_spherical_harmonics_are_those_of_scipy() -> None:
    l_max = 7
    u_cq = np.random.default_rng(0).normal(size=(3, 8))
    u_cq /= np.linalg.norm(u_cq, axis=0)
    x, y, z = u_cq
    Y_kq = real_harmonics(u_cq, l_max)
    for l in range(l_max + 1):
        for m in range(-l, l + 1):
            complex_Y = sph_harm_y(l, abs(m), np.arccos(z), np.arctan2(y, x))
            real = complex_Y.real if m >= 0 else complex_Y.imag
            expected = real * (1 if m == 0 else np.sqrt(2) * (-1) ** m)
            np.testing.assert_allclose(Y_kq[l * (l + 1) + m], expected, atol=1e-12)


def test_real_harmonics_become_those_of_scipy() -> None:
    theta, phi, l_max = 0.7, 2.1, 6
    u_c = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    Y = real_harmonics(np.repeat(u_c[:, None], 8, axis=1), l_max)
    for l in range(l_max + 1):
        expected = [sph_harm_y(l, m, theta, phi) for m in range(-l, l + 1)]
        np.testing.assert_allclose(to_complex(l) @ Y[l * l : (l + 1) ** 2, 0], expected, atol=1e-14)


def test_couplings_do_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(0)
    c_k = rng.normal(size=25)

    def product(l, l1, l2) -> float:
        k_i3, K_i = coupling(l, l1, l2)
        return float((K_i * c_k[k_i3].prod(axis=1)).sum()) / np.sqrt(2 * l + 1)

    for l, l1, l2 in [(3, 2, 1), (4, 4, 2), (4, 3, 3)]:
        assert product(l, l1, l2) == pytest.approx(product(l, l2, l1), abs=1e-12)
        assert product(l, l1, l2) == pytest.approx((-1) ** l2 * product(l1, l, l2), abs=1e-12)
    assert product(3, 3, 3) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("n_max", [1, 4, 8])
def test_polynomial_channels_are_orthonormal(n_max) -> None:
    r_q, weight_q = np.polynomial.legendre.leggauss(40)
    r_q, weight_q = (r_q + 1) / 2 * CUTOFF, weight_q / 2 * CUTOFF
    g_aq = channels(r_q, "polynomial", n_max)
    np.testing.assert_allclose(g_aq * (weight_q * r_q**2) @ g_aq.T, np.eye(n_max), atol=1e-8)


def test_a_mirror_changes_the_sign_of_what_is_odd() -> None:
    chiral = SYSTEMS["ethanol"]
    mirrored = chiral.copy()
    mirrored.positions[:, 0] *= -1
    spectrum = BispectrumSO3(species_of(chiral), CUTOFF, 2, 3, chiral=True)
    turned = rotated(mirrored, random_rotation(np.random.default_rng(1)))
    before, after = spectrum.compute(chiral).values, spectrum.compute(turned).values
    odd = np.array([sum(map(int, name.replace("l", "").split()[3:6])) % 2 == 1 for name in spectrum.names])
    np.testing.assert_allclose(after[:, ~odd], before[:, ~odd], atol=1e-10)
    np.testing.assert_allclose(after[:, odd], -before[:, odd], atol=1e-10)
    assert np.abs(before[:, odd]).max() > 1e-3
    even_alone = BispectrumSO3(species_of(chiral), CUTOFF, 2, 3)
    np.testing.assert_array_equal(before[:, ~odd], even_alone.compute(chiral).values)


def test_one_neighbour_has_a_spectrum_of_powers_of_its_channel() -> None:
    dimer = SYSTEMS["dimer"]
    r = dimer.get_distance(0, 1)
    g_a = channels(np.array([r]), "polynomial")[:, 0]
    power = PowerSpectrumSO3(["C", "Si"], CUTOFF, N_MAX, 2).compute(dimer).values[0].reshape(3, 3, N_MAX)
    expected = np.outer([1, 3, 5], g_a**2) / (4 * np.pi)
    np.testing.assert_allclose(power[0], expected, rtol=1e-10)  # the silicon's only neighbour is the carbon
    np.testing.assert_array_equal(power[1:], 0.0)
