// Panel's side: the model's properties drawn, clicks and the state of the drawing reported back.

const NO_WEBGL = "The 3D view needs WebGL, which this browser does not offer.\n" +
  "Turn on hardware acceleration in its settings, or use another browser.";
const CONTEXT_LOST = "The graphics card took the 3D view away. Click to draw it again.";

const SETTINGS = ["representation", "show_cell", "selected", "bgcolor", "dark", "camera", "keep_camera"];
const APPEARANCE = [...SETTINGS, "caption", "show_legend"];

class ViewController {
  constructor(model, box) {
    this.model = model;
    this.box = box;
    this.overlay = new Overlay(box);
    this.view = null;
    this.isRemoved = false;
    this.changed = new Set();
    for (const name of ["scene", "colouring", "frame", ...APPEARANCE]) model.on(name, () => this.note(name));
    model.on("after_layout", () => this.view?.resize());
    model.on("remove", () => { this.isRemoved = true; this.stop(); });
    this.start();
  }

  get settings() {
    const { representation, show_cell: showCell, selected, bgcolor, dark, camera, keep_camera: keepCamera } = this.model;
    return { representation, showCell, selected, bgcolor, dark, camera, keepCamera };
  }

  get colouring() {
    const { colouring } = this.model;
    return colouring.values ? { ...colouring, values: plainFloats(colouring.values) } : null;
  }

  async start() {
    try {
      if (!hasWebGL()) throw new Error(NO_WEBGL);
      const NGL = await loadNGL(this.model);
      if (this.isRemoved) return;
      this.view = new StructureStage(NGL, this.box, this.settings);
      this.box.structureStage = this.view;                      // for the console, and for tests
      this.listen();
      this.changed.clear();
      await this.drawScene();
    } catch (error) { this.fail(error); }
  }

  stop() {
    this.view?.dispose();
    this.view?.canvas.parentElement?.remove();
    this.view = null;
  }

  listen() {
    const { signals } = this.view.stage;
    signals.clicked.add((proxy) => this.reportPick(proxy));
    signals.hovered.add((proxy) => this.showHover(proxy));
    const { canvas } = this.view;
    canvas.addEventListener("mouseleave", () => this.overlay.setHover(""));
    canvas.addEventListener("webglcontextlost", () => { if (!this.isRemoved) this.loseContext(); });
  }

  // Properties in -------------------------------------------------------------------------------------------------

  /** Properties set together arrive one by one; act once, when all are there. */
  note(name) {
    if (this.changed.size === 0) queueMicrotask(() => this.update().catch((error) => this.fail(error)));
    this.changed.add(name);
  }

  async update() {
    const changed = new Set(this.changed);
    this.changed.clear();
    if (!this.view) return;
    if (APPEARANCE.some((name) => changed.has(name))) this.view.setSettings(this.settings);
    if (changed.has("scene")) return this.drawScene();
    if (changed.has("colouring")) this.view.setColouring(this.colouring);
    if (changed.has("frame")) this.view.setFrame(this.model.frame);
    this.writeOver();
  }

  async drawScene() {
    const { scene, frame } = this.model;
    this.overlay.setMessage(scene.problem ?? "");
    this.view.colouring = this.colouring;
    if (!scene.pdb) this.view.clear();
    else if (!(await this.view.setScene(scene, frame))) return;
    this.writeOver();
    this.model.status = scene.problem ? `failed: ${scene.problem}` : scene.pdb ? "drawn" : "empty";
    this.model.drawn = scene.id;
  }

  writeOver() {
    const { model, overlay, view } = this;
    overlay.setDark(view.theme === "dark");
    overlay.setCaption(model.caption);
    const isExplained = model.show_legend && view.scene !== null;
    overlay.setLegend(isExplained ? this.colouring : null, isExplained ? model.scene.species : null);
  }

  // Events out ----------------------------------------------------------------------------------------------------

  reportPick(proxy) {
    const click = (this.model.picked.click ?? 0) + 1;
    const atom = atomOf(proxy);
    const { view } = this;
    this.model.picked = atom
      ? { index: view.originalIndex(atom.index), element: view.speciesOf(atom.index).symbol, image: view.imageOf(atom.index), click }
      : { index: null, element: "", image: [0, 0, 0], click };
  }

  showHover(proxy) {
    const atom = atomOf(proxy);
    if (!atom) return this.overlay.setHover("");
    const { x, y } = proxy.canvasPosition;                      // from the bottom left
    this.overlay.setHover(this.hoverText(atom.index), x, this.box.clientHeight - y);
  }

  hoverText(drawnIndex) {
    const { view } = this;
    const label = `${view.speciesOf(drawnIndex).symbol} ${view.originalIndex(drawnIndex)}`;
    const value = view.valueOf(drawnIndex);
    if (value === undefined) return label;
    const { name, unit } = view.colouring;
    return `${label} \u00b7 ${name} ${Number.isFinite(value) ? withUnit(shortNumber(value), unit) : "unknown"}`;
  }

  // Trouble -------------------------------------------------------------------------------------------------------

  loseContext() {
    this.model.status = `failed: ${CONTEXT_LOST}`;
    this.overlay.setMessage(CONTEXT_LOST, () => {
      this.overlay.setMessage("");
      this.stop();
      this.start();
    });
  }

  fail(error) {
    console.warn("StructureView:", error);
    const isDark = this.view ? this.view.theme === "dark" : this.model.dark;
    this.overlay.setDark(isDark);
    this.overlay.setMessage(error.message);
    this.model.status = `failed: ${error.message}`;
  }
}

/** The atom under the pointer, or the nearer one of the bond under it. */
function atomOf(proxy) {
  return proxy?.atom ?? proxy?.closestBondAtom ?? null;
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

export function render({ model }) {
  const box = element("div", "sv-box");
  new ViewController(model, box);
  return box;
}
