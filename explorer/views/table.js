// A table of many lines: sorts by a click on a heading, selects by a click or the arrow keys, draws only what is in sight.
const LINE = 26;
const SPARE = 8;

export function render({model, el}) {
  const box = document.createElement("div");
  box.className = model.wrapped ? "box wrapped" : "box";
  box.tabIndex = 0;
  const head = document.createElement("div");
  head.className = "line head";
  const body = document.createElement("div");
  body.className = "body";
  box.append(head, body);
  let order = [];

  const shown = (column, value) => {
    if (column.digits === null) return String(value);
    if (value === null || Number.isNaN(value)) return "–";
    const text = value.toFixed(column.digits).replace("-", "−");
    return column.sign && value >= 0 ? `+${text}` : text;
  };

  const compare = (values, falling) => (a, b) => {
    const [x, y] = [values[a], values[b]];
    const [noX, noY] = [x === null || Number.isNaN(x), y === null || Number.isNaN(y)];
    if (noX || noY) return noX - noY || a - b;               // what is unknown stands last, either way
    const sense = typeof x === "string" ? x.localeCompare(y, undefined, {numeric: true}) : Math.abs(x) - Math.abs(y);
    const plain = typeof x === "string" || model.by_size.includes(model.sort_by) ? sense : x - y;
    return (falling ? -plain : plain) || a - b;
  };

  const sortLines = () => {
    const values = model.data[model.sort_by];
    order = Array.from({length: model.n_lines}, (_, index) => index);
    if (values) order.sort(compare(values, model.falling));
  };

  const drawHead = () => {
    const columns = model.columns.map(({title, digits}) => {
      const longest = Math.max(...title.split(" ").map((word) => word.length));
      const least = model.wrapped
        ? Math.max(digits === null ? 84 : 50, 19 + 6.2 * longest)
        : Math.max(digits === null ? 110 : 80, 24 + 7.4 * title.length);
      return `minmax(${least}px, ${digits === null ? 1.4 : 1}fr)`;
    });
    box.style.setProperty("--columns", columns.join(" "));
    head.replaceChildren(...model.columns.map((column) => {
      const cell = document.createElement("button");
      cell.className = column.digits === null ? "cell" : "cell number";
      const arrow = model.sort_by === column.name ? (model.falling ? "\u00a0▾" : "\u00a0▴") : "";
      cell.textContent = column.title + arrow;
      cell.onclick = () => {
        const again = model.sort_by === column.name;
        model.falling = again ? !model.falling : column.digits !== null;
        model.sort_by = column.name;
      };
      return cell;
    }));
  };

  const drawLines = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / LINE) - SPARE);
    const last = Math.min(order.length, Math.ceil((box.scrollTop + box.clientHeight) / LINE) + SPARE);
    body.style.height = `${order.length * LINE}px`;
    body.replaceChildren(...order.slice(first, last).map((index, k) => {
      const line = document.createElement("div");
      line.className = "line" + (index === model.selected ? " selected" : "") + ((first + k) % 2 ? " odd" : "");
      line.style.top = `${(first + k) * LINE}px`;
      line.dataset.index = index;
      for (const column of model.columns) {
        const cell = document.createElement("span");
        cell.className = column.digits === null ? "cell" : "cell number";
        cell.textContent = shown(column, model.data[column.name][index]);
        line.append(cell);
      }
      return line;
    }));
  };

  const reveal = () => {
    const place = order.indexOf(model.selected);
    if (place < 0 || !box.clientHeight) return;
    const [top, room] = [place * LINE, box.clientHeight - head.offsetHeight];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + LINE > box.scrollTop + room) box.scrollTop = top + LINE - room;
  };

  const all = () => { sortLines(); drawHead(); drawLines(); };

  body.onclick = (event) => {
    const line = event.target.closest(".line");
    if (line) model.selected = Number(line.dataset.index);
  };
  box.onkeydown = (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const next = order[order.indexOf(model.selected) + step];
    if (step === undefined || next === undefined) return;
    event.preventDefault();
    model.selected = next;
  };
  box.onscroll = drawLines;
  const resized = new ResizeObserver(() => { drawLines(); });
  resized.observe(box);
  model.on(["data", "sort_by", "falling"], () => { all(); reveal(); });
  model.on("selected", () => { reveal(); drawLines(); });
  model.on("remove", () => resized.disconnect());
  all();
  return box;
}
