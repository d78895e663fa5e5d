// The picture: atoms, bonds, cell and highlights in one NGL stage. Knows scenes and colourings, not Panel.

const NO_VALUE = "#9aa0a6";
const HIGHLIGHT = "#ff9d00";
const BACKGROUND = { light: "#ffffff", dark: "#14171c" };
const EDGE_COLOUR = { light: "#aab0bc", dark: "#c3cad6" };
/** The vectors a, b, c: red, green, blue, muted so that they don't outshine the atoms. */
const AXIS_COLOURS = { light: ["#e0716b", "#63b574", "#6d9aec"], dark: ["#ef7a74", "#6cc47b", "#7aa2f7"] };
const AXIS_NAMES = ["a", "b", "c"];

const BOND_RADIUS = 0.11;
const LICORICE_RADIUS = 0.18;
/** Ball radius in ball and stick: hydrogen stays visible, caesium stays modest. */
const ballRadius = ({ covalent_radius }) => 0.2 + 0.29 * covalent_radius;
/** Smaller than the van der Waals sphere, so that a crystal shows more than its outermost atoms. */
const spaceRadius = ({ vdw_radius }) => 0.7 * vdw_radius;

const MATERIAL = { roughness: 0.55, metalness: 0.0, quality: "high" };
const LIGHTS = { lightIntensity: 1.15, ambientIntensity: 0.42 };
/** Å kept free between the outermost atom's centre and the border of the view. */
const MARGIN = 1.0;
/** Å, so that a single atom doesn't fill the view. */
const LEAST_RADIUS = 2.0;

const hexNumber = (colour) => parseInt(colour.slice(1), 16);

class StructureStage {
  constructor(NGL, box, settings) {
    this.NGL = NGL;
    this.box = box;
    this.component = this.cellComponent = this.scene = this.colouring = null;
    this.frame = 0;
    this.sequence = 0;
    this.needsFit = false;
    this.settings = settings;
    this.stage = new NGL.Stage(box, {
      ...LIGHTS, tooltip: false, sampleLevel: 0, clipNear: -100, clipFar: 200, clipDist: 0.1, fogNear: 70, fogFar: 160,
      cameraType: settings.camera, cameraFov: 30, backgroundColor: this.background,
    });
    this.stage.mouseControls.remove("clickPick-left");          // NGL's own recentres at every click
    this.endPointer = mendPointer(this.stage);
    renderOnlyWithContext(this.stage.viewer);
    const scheme = (index) => this.atomColour(index);
    this.colourScheme = NGL.ColormakerRegistry.addScheme(function () { this.atomColor = (atom) => scheme(atom.index); });
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(box);
    this.resize();
  }

  get canvas() { return this.stage.viewer.renderer.domElement; }
  get background() { return this.settings.bgcolor ?? BACKGROUND[this.settings.dark ? "dark" : "light"]; }
  get theme() { return isDarkColour(this.background) ? "dark" : "light"; }

  dispose() {
    this.sequence++;
    this.resizing.disconnect();
    this.endPointer();
    this.NGL.ColormakerRegistry.removeScheme(this.colourScheme);
    const renderer = this.stage.viewer.renderer;
    this.stage.removeAllComponents();
    this.stage.dispose();
    renderer.forceContextLoss();                                // browsers allow few contexts at once
  }

  resize() {
    this.stage.handleResize();
    if (this.needsFit) this.fit();
  }

  redraw() { this.stage.viewer.requestRender(); }

  // What is drawn -------------------------------------------------------------------------------------------------

  /** Draw a scene; true unless a newer one came meanwhile. The same atoms again are moved, not parsed. */
  async setScene(scene, frame) {
    const sequence = ++this.sequence;
    const isKnown = this.component !== null && this.scene.pdb === scene.pdb;
    const component = isKnown ? this.component : await this.parse(scene.pdb);
    if (sequence !== this.sequence) {
      if (component !== this.component) this.stage.removeComponent(component);
      return false;
    }
    if (!isKnown) this.replaceComponent(component);
    const isFirst = this.scene === null;
    this.scene = scene;
    this.species = Array.from(scene.species_of_atom, (index) => scene.species[index]);
    this.drawFrame(frame, !isKnown);
    if (isFirst || !this.settings.keepCamera) this.lookFromStart();
    return true;
  }

  clear() {
    this.sequence++;
    this.replaceComponent(null);
    this.replaceCell(null);
    this.scene = null;
    this.redraw();
  }

  parse(pdb) {
    const file = new Blob([pdb], { type: "text/plain" });
    return this.stage.loadFile(file, { ext: "pdb", defaultRepresentation: false, inferBonds: "none" });
  }

  replaceComponent(component) {
    if (this.component) this.stage.removeComponent(this.component);
    this.component = component;
    this.bondKey = "";
  }

  setFrame(frame) {
    if (this.scene) this.drawFrame(frame, false);
  }

  drawFrame(frame, isNew) {
    this.frame = Math.min(frame, this.scene.n_frames - 1);
    const positions = drawnPositions(this.scene, this.frame);
    const structure = this.component.structure;
    structure.updatePosition(positions, false);
    structure._hasCoords = true;                                // NGL draws nothing where all positions are zero
    const bondsChanged = this.updateBonds(structure, positions);
    if (isNew || bondsChanged) this.addRepresentations();
    else this.component.updateRepresentations({ position: true, color: this.coloursMove });
    this.drawCell();
    this.box.dataset.frame = this.frame;
    this.redraw();
  }

  /** Find the bonds anew where they are drawn; true if they are others than before. */
  updateBonds(structure, positions) {
    if (!BONDED.has(this.settings.representation)) return false;
    const radii = Float32Array.from({ length: structure.atomCount }, (_, i) => this.speciesOf(i).covalent_radius);
    const bonds = findBonds(positions, radii);
    const key = bonds.join();
    if (key === this.bondKey) return false;
    this.bondKey = key;
    setBonds(structure, bonds);
    return true;
  }

  // How it is drawn -----------------------------------------------------------------------------------------------

  originalIndex(drawnIndex) { return drawnIndex % this.scene.n_atoms; }
  speciesOf(drawnIndex) { return this.species[this.originalIndex(drawnIndex)]; }
  imageOf(drawnIndex) { return imageShifts(this.scene.repeat)[Math.floor(drawnIndex / this.scene.n_atoms)]; }

  /** Whether each frame has values of its own. */
  get coloursMove() { return Boolean(this.colouring) && this.colouring.values.length > this.scene.n_atoms; }

  valueOf(drawnIndex) {
    const values = this.colouring?.values;
    if (!values || values.length % this.scene.n_atoms !== 0) return undefined;
    const start = this.coloursMove ? this.frame * this.scene.n_atoms : 0;
    return values[start + this.originalIndex(drawnIndex)];
  }

  atomColour(drawnIndex) {
    const value = this.valueOf(drawnIndex);
    if (value === undefined) return hexNumber(this.speciesOf(drawnIndex).colour);
    if (!Number.isFinite(value)) return hexNumber(NO_VALUE);
    const { low, high, palette } = this.colouring;
    const fraction = high > low ? (value - low) / (high - low) : 0.5;
    const place = Math.floor(Math.min(Math.max(fraction, 0), 1) * palette.length);
    return hexNumber(palette[Math.min(place, palette.length - 1)]);
  }

  setColouring(colouring) {
    this.colouring = colouring;
    if (!this.component) return;
    this.component.updateRepresentations({ color: true });
    this.redraw();
  }

  /** Settings: representation, showCell, selected, bgcolor, dark, camera, keepCamera. */
  setSettings(settings) {
    const before = this.settings;
    this.settings = settings;
    this.stage.setParameters({ backgroundColor: this.background, fogColor: this.background, cameraType: settings.camera });
    if (!this.component) return;
    if (settings.representation !== before.representation) {
      this.updateBonds(this.component.structure, drawnPositions(this.scene, this.frame));
      this.addRepresentations();
    } else if (String(settings.selected) !== String(before.selected)) this.addRepresentations();
    this.drawCell();
    this.redraw();
  }

  addRepresentations() {
    this.component.removeAllRepresentations();
    this.component.structureView.refresh();                     // it counted the bonds when it was made
    for (const [type, parameters] of this.representations()) {
      this.component.addRepresentation(type, { ...MATERIAL, color: this.colourScheme, ...parameters });
    }
    const selected = new Set(this.settings.selected);
    if (selected.size) this.addHighlight(this.drawnIndices((index) => selected.has(index)));
    this.redraw();
  }

  /** One or two of NGL's representations make up one of ours: balls of different size, sticks of one. */
  representations() {
    const type = this.settings.representation;
    if (type === "ball+stick") return [["spacefill", this.radii(ballRadius)], ["licorice", { radiusSize: BOND_RADIUS }]];
    if (type === "spacefill") return [["spacefill", this.radii(spaceRadius)]];
    if (type === "licorice") return [["licorice", { radiusSize: LICORICE_RADIUS }]];
    if (type === "hyperball") return [["hyperball", { radiusType: "vdw", radiusScale: 0.2, shrink: 0.06 }]];
    if (type === "line") return [["line", { linewidth: 3, crosses: "lone" }]];
    return [["point", { pointSize: 8, sizeAttenuation: false, alphaTest: 0.5, useTexture: true }]];
  }

  radii(radiusOf) {
    const radiusData = Array.from({ length: this.component.structure.atomCount }, (_, i) => radiusOf(this.speciesOf(i)));
    return { radiusType: "data", radiusData };
  }

  drawnIndices(isWanted) {
    const n = this.component.structure.atomCount;
    return Array.from({ length: n }, (_, i) => i).filter((i) => isWanted(this.originalIndex(i)));
  }

  /** A translucent shell around the atoms, outside whatever ball they are drawn with. */
  addHighlight(drawnIndices) {
    const ball = { spacefill: spaceRadius, licorice: () => LICORICE_RADIUS }[this.settings.representation] ?? ballRadius;
    this.component.addRepresentation("spacefill", {
      ...MATERIAL, ...this.radii((species) => 0.14 + 1.12 * ball(species)), sele: `@${drawnIndices.join(",")}`,
      color: HIGHLIGHT, opacity: 0.5, depthWrite: false,
    });
  }

  /** The original cell: NGL's own drawing of it needs a standard orientation, this one doesn't. */
  drawCell() {
    const cell = this.scene && this.settings.showCell ? cellOf(this.scene, this.frame) : null;
    const key = JSON.stringify([cell, this.theme]);
    if (cell && this.cellComponent && key === this.cellKey) return;
    this.cellKey = key;
    this.replaceCell(cell ? this.cellShape(cell) : null);
  }

  replaceCell(shape) {
    if (this.cellComponent) this.stage.removeComponent(this.cellComponent);
    this.cellComponent = shape ? this.stage.addComponentFromObject(shape) : null;
    this.cellComponent?.addRepresentation("buffer", { ...MATERIAL, disablePicking: true });
  }

  cellShape(cell) {
    const { NGL, theme } = this;
    const shape = new NGL.Shape("cell", { labelParams: { fontFamily: "sans-serif", fontWeight: "bold" } });
    const colours = AXIS_COLOURS[theme].map((colour) => new NGL.Color(colour).toArray());
    const plain = new NGL.Color(EDGE_COLOUR[theme]).toArray();
    const longest = Math.max(...cell.map(lengthOf));
    const thickness = 0.016 + 0.0014 * longest;
    const extent = sphereAround(drawnPositions(this.scene, this.frame)).radius + longest / 2;
    const textSize = 0.4 + 0.15 * extent, textDistance = 0.6 + 0.03 * extent;
    for (const { from, to, axis } of cellEdges(cell)) {
      const isVector = axis !== null;
      shape.addCylinder(from, to, isVector ? colours[axis] : plain, isVector ? 1.7 * thickness : thickness);
      if (isVector) shape.addText(times(to, 1 + textDistance / lengthOf(to)), colours[axis], textSize, AXIS_NAMES[axis]);
    }
    return shape;
  }

  // Where it is seen from -----------------------------------------------------------------------------------------

  lookFromStart() {
    const [x, y, z, w] = this.scene.orientation;                // x right, y up, z towards the viewer
    this.stage.viewerControls.rotate([z, w, -x, -y]);           // NGL's camera looks along +z: half a turn about y
    this.fit();
  }

  /** Everything in view, as large as it gets in any orientation; waits while the view has no size. */
  fit() {
    const { width, height } = this.stage.viewer;
    this.needsFit = !(width > 1 && height > 1 && this.box.clientWidth > 1);
    if (this.needsFit || !this.scene) return;
    const cell = this.settings.showCell ? cellOf(this.scene, this.frame) : null;
    const corners = cell ? cornersOf(cell).flat() : [];
    const { centre, radius } = sphereAround([...drawnPositions(this.scene, this.frame), ...corners]);
    const { fov } = this.stage.viewer.perspectiveCamera;
    const halfAngle = Math.atan(Math.tan((fov * Math.PI) / 360) * Math.min(1, width / height));
    this.stage.viewerControls.center(centre);
    this.stage.viewerControls.distance((Math.max(radius, LEAST_RADIUS) + MARGIN) / Math.sin(halfAngle));
    this.redraw();
  }
}

/** A frame may still be due when the context is gone, given up or lost; rendering it would raise. */
function renderOnlyWithContext(viewer) {
  const render = viewer.render.bind(viewer);
  viewer.render = (...rest) => {
    if (!viewer.renderer.getContext().isContextLost()) render(...rest);
  };
}

/** Representations that show bonds. */
const BONDED = new Set(["ball+stick", "licorice", "line", "hyperball"]);

function setBonds(structure, bonds) {
  const store = new structure.bondStore.constructor(bonds.length / 2);
  const first = structure.getAtomProxy(), second = structure.getAtomProxy();
  for (let k = 0; k < bonds.length; k += 2) {
    first.index = bonds[k];
    second.index = bonds[k + 1];
    store.addBond(first, second, 1);
  }
  structure.bondStore = store;
  structure.finalizeBonds();
}

/** By the luminance of the sRGB colour. */
function isDarkColour(colour) {
  const painter = document.createElement("canvas").getContext("2d");
  painter.fillStyle = colour;                                   // any CSS colour comes back as #rrggbb
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(painter.fillStyle.slice(start, start + 2), 16));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
}
