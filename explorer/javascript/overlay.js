// What is written over the picture: caption, hover label, legend or colour bar, and a message when it fails.

const MAX_LEGEND_ELEMENTS = 8;

const OVERLAY_STYLE = `
  .sv-box { position: relative; width: 100%; height: 100%; min-height: 120px; overflow: hidden;
    font: 12px/1.35 system-ui, sans-serif; --ink: #1f2430; --plate: rgba(255, 255, 255, .72); color: var(--ink);
    font-variant-numeric: tabular-nums; }
  .sv-box.on-dark { --ink: #e6e9ef; --plate: rgba(18, 21, 27, .66); }
  .sv-box canvas { display: block; }
  .sv-box > .sv-text { position: absolute; z-index: 2; pointer-events: none; padding: 3px 8px; border-radius: 6px;
    background: var(--plate); max-width: calc(100% - 32px); box-sizing: border-box; }
  .sv-box > .sv-text:empty { display: none; }
  .sv-caption { left: 8px; top: 8px; font-weight: 500; overflow: hidden; text-overflow: ellipsis; white-space: pre-line; }
  .sv-hover { white-space: nowrap; box-shadow: 0 1px 4px rgba(0, 0, 0, .25); }
  .sv-legend { left: 8px; bottom: 8px; }
  .sv-elements { display: flex; flex-wrap: wrap; gap: 2px 10px; }
  .sv-dot { display: inline-block; width: 10px; height: 10px; margin-right: 5px; border-radius: 50%;
    vertical-align: -1px; box-shadow: inset 0 0 0 1px rgba(127, 127, 127, .6); }
  .sv-bar { width: 168px; max-width: 100%; height: 9px; margin: 3px 0 2px; border-radius: 3px;
    box-shadow: inset 0 0 0 1px rgba(127, 127, 127, .4); }
  .sv-ends { display: flex; justify-content: space-between; gap: 12px; }
  .sv-message { position: absolute; inset: 0; z-index: 3; display: none; align-items: center; justify-content: center;
    padding: 1.5em; text-align: center; font-size: 13px; white-space: pre-line; }
  .sv-message.shown { display: flex; }
  .sv-message.retry { cursor: pointer; }`;

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** A number as a person writes it, with four significant digits. */
function shortNumber(x) {
  return Number.isFinite(x) ? String(Number(x.toPrecision(4))).replace("-", "\u2212") : "no value";
}

const withUnit = (text, unit) => (unit ? `${text} ${unit}` : text);

class Overlay {
  constructor(box) {
    this.box = box;
    this.caption = element("div", "sv-text sv-caption");
    this.hover = element("div", "sv-text sv-hover");
    this.legend = element("div", "sv-text sv-legend");
    this.message = element("div", "sv-message");
    const style = element("style", "", OVERLAY_STYLE);
    box.append(style, this.caption, this.hover, this.legend, this.message);
  }

  setDark(isDark) { this.box.classList.toggle("on-dark", isDark); }

  setCaption(text) { this.caption.textContent = text; }

  /** Text in the middle of the view; with `onClick`, clicking it tries again. Empty text hides it. */
  setMessage(text, onClick = null) {
    this.message.textContent = text;
    this.message.classList.toggle("shown", text !== "");
    this.message.classList.toggle("retry", onClick !== null);
    this.message.onclick = onClick;
  }

  /** A label beside the pointer, kept inside the view; `x` and `y` in pixels from its top left. */
  setHover(text, x = 0, y = 0) {
    this.hover.textContent = text;
    if (!text) return;
    const left = Math.min(x + 14, this.box.clientWidth - this.hover.offsetWidth - 4);
    const top = y + 16 + this.hover.offsetHeight > this.box.clientHeight ? y - 10 - this.hover.offsetHeight : y + 16;
    Object.assign(this.hover.style, { left: `${Math.max(4, left)}px`, top: `${Math.max(4, top)}px` });
  }

  setLegend(colouring, species) {
    this.legend.replaceChildren();
    if (colouring) this.legend.append(...colourBar(colouring));
    else if (species) this.legend.append(elementList(species));
  }
}

function elementList(species) {
  const list = element("div", "sv-elements");
  for (const { symbol, colour } of species.slice(0, MAX_LEGEND_ELEMENTS)) {
    const entry = element("span", "");
    const dot = element("span", "sv-dot");
    dot.style.background = colour;
    entry.append(dot, symbol);
    list.append(entry);
  }
  const more = species.length - MAX_LEGEND_ELEMENTS;
  if (more > 0) list.append(element("span", "", `and ${more} more`));
  return list;
}

function colourBar({ name, unit, low, high, palette, values }) {
  const bar = element("div", "sv-bar");
  bar.style.background = `linear-gradient(to right, ${gradientStops(palette)})`;
  const ends = element("div", "sv-ends");
  // The palette's ends take all that lies beyond them, and the bar must say so.
  const isBelow = values.some((x) => x < low - 1e-6 * Math.abs(low));
  const isAbove = values.some((x) => x > high + 1e-6 * Math.abs(high));
  ends.append(element("span", "", (isBelow ? "\u2264 " : "") + shortNumber(low)));
  ends.append(element("span", "", (isAbove ? "\u2265 " : "") + shortNumber(high)));
  const parts = [element("div", "", unit ? `${name} (${unit})` : name), bar, ends];
  if (values.some((x) => !Number.isFinite(x))) parts.push(elementList([{ symbol: "no value", colour: NO_VALUE }]));
  return parts;
}

/** Few stops do for a smooth palette; one of few colours keeps its steps. */
function gradientStops(palette) {
  const n = palette.length;
  if (n > 16) return palette.filter((_, k) => k % Math.ceil(n / 32) === 0 || k === n - 1).join(", ");
  return palette.map((colour, k) => `${colour} ${(100 * k) / n}% ${(100 * (k + 1)) / n}%`).join(", ");
}
