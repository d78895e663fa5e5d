// Getting NGL, once a page, and its pointer events mended.
// These files are joined into one module by structure_view.py: what one defines, those after it may use.

let nglPromise = null;

/** NGL from `model.ngl_url`, or from Python where no server offers it (notebooks). */
function loadNGL(model) {
  if (globalThis.NGL?.Stage) return Promise.resolve(globalThis.NGL);
  nglPromise ??= nglSource(model).then((source) => (globalThis.NGL = evaluateNGL(source, model.ngl_url)));
  nglPromise.catch(() => { nglPromise = null; });       // the next view tries again
  return nglPromise;
}

async function nglSource(model) {
  try {
    const response = await fetch(model.ngl_url);
    const type = response.headers.get("content-type") ?? "";
    if (response.ok && type.includes("javascript")) return await response.text();
  } catch (error) {
    console.info("StructureView: NGL is not served here, asking Python for it:", error.message);
  }
  return nglFromPython(model);
}

function nglFromPython(model, timeout = 20000) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`NGL is neither served at ${model.ngl_url} nor sent by Python`));
    const timer = setTimeout(late, timeout);
    model.on("msg:custom", (message) => {
      const source = message?.ngl_source ?? message?.data?.ngl_source;
      if (source) { clearTimeout(timer); resolve(source); }
    });
    model.send_msg({ need: "ngl" });
  });
}

/** nglview's wheel ships one AMD module; it needs the Jupyter widget classes by name alone and exports NGL. */
function evaluateNGL(source, url) {
  class Widget {}
  const widgets = { DOMWidgetModel: Widget, DOMWidgetView: Widget, WidgetModel: Widget, WidgetView: Widget };
  let module = null;
  const define = (dependencies, factory) => {
    const exported = {};
    module = factory(dependencies[0] === "exports" ? exported : widgets) ?? exported;
  };
  define.amd = {};
  new Function("define", `${source}\n//# sourceURL=${url}`)(define);
  const NGL = module?.NGL ?? (module?.Stage ? module : globalThis.NGL);
  if (!NGL) throw new Error(`no NGL in ${url}`);
  return NGL;
}

const POINTER_HANDLERS = {
  wheel: "_onMousewheel", mousemove: "_onMousemove", mousedown: "_onMousedown", mouseup: "_onMouseup",
  contextmenu: "_onContextmenu", touchstart: "_onTouchstart", touchend: "_onTouchend", touchmove: "_onTouchmove",
};
const OBSOLETE_WHEEL_EVENTS = ["mousewheel", "MozMousePixelScroll"];
const LISTENING = { passive: false };

/**
 * Make rotating, zooming and picking work inside a shadow root; returns a function that ends it.
 *
 * NGL listens on `document` and compares `event.target` with its canvas, but from outside a shadow root the target
 * is the root's host. Each handler is registered anew and told the target the event really has.
 */
function mendPointer(stage) {
  const observer = stage.mouseObserver;
  for (const type of OBSOLETE_WHEEL_EVENTS) document.removeEventListener(type, observer._onMousewheel, LISTENING);
  const ends = Object.entries(POINTER_HANDLERS).map(([type, name]) => {
    const handler = observer[name];
    const mended = (event) => {
      const target = event.composedPath()[0];
      if (concerns(observer, type, target)) handler(withTarget(event, target));
      else if (type === "mousemove" || type === "touchmove") observer.overElement = false;
    };
    document.removeEventListener(type, handler, LISTENING);
    document.addEventListener(type, mended, LISTENING);
    return () => document.removeEventListener(type, mended, LISTENING);
  });
  return () => {
    ends.forEach((end) => end());
    cancelAnimationFrame(observer.frameRequest);
  };
}

/** A drag that began on the canvas goes on outside it; nothing else on the page is this canvas' business. */
function concerns(observer, type, target) {
  if (type === "mouseup" || type === "touchend") return Boolean(observer.pressed);
  return target === observer.domElement || (type.endsWith("move") && Boolean(observer.pressed));
}

function withTarget(event, target) {
  return new Proxy(event, {
    get(original, name) {
      if (name === "target") return target;
      const value = original[name];
      return typeof value === "function" ? value.bind(original) : value;
    },
  });
}
