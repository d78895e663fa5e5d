// A small table of numbers for groups: what is not typed shows, in grey, what is used instead.
export function render({model, el}) {
  const box = document.createElement("div");
  box.className = "groups";

  const field = (group, column) => {
    const input = document.createElement("input");
    input.inputMode = "decimal";
    input.ariaLabel = `${column.title}, ${group.name}`;
    input.value = model.values[group.name]?.[column.name] ?? "";
    input.placeholder = column.fallback;
    input.disabled = model.disabled;
    input.onchange = () => {
      model.edited = {group: group.name, field: column.name, text: input.value, edit: (model.edited.edit ?? 0) + 1};
    };
    return input;
  };

  const draw = () => {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const text of ["group", ...model.columns.map(({title}) => title)]) {
      const cell = document.createElement("th");
      cell.textContent = text;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const group of model.rows) {
      const line = body.insertRow();
      const dot = document.createElement("i");
      dot.style.background = group.colour;
      const name = line.insertCell();
      name.title = group.name;
      name.append(dot, group.name);
      for (const column of model.columns) line.insertCell().append(field(group, column));
    }
    box.replaceChildren(table);
  };

  model.on(["rows", "columns", "values", "disabled"], draw);
  draw();
  return box;
}
