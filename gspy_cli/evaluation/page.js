"use strict";

// A click on a heading sorts its table; another click turns the order round.
// Undefined values stay at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows].sort((a, b) => compare(key(a), key(b), down));
    table.tBodies[0].append(...rows);
  }));
}

function compare(a, b, down) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
  return down ? -order : order;
}

// The gallery shows the errors that pass every filter.
const filters = document.querySelector(".filters");
if (filters) {
  const errors = [...document.querySelectorAll(".error")];
  const show = () => {
    const least = Number(filters.elements.confidence.value);
    filters.elements.least.value = least.toFixed(2);
    let shown = 0;
    for (const error of errors) {
      const passes = ["label", "named", "window"].every((name) => {
        const wanted = filters.elements[name].value;
        return wanted === "" || error.dataset[name] === wanted;
      });
      error.hidden = !(passes && Number(error.dataset.confidence) >= least);
      shown += !error.hidden;
    }
    document.getElementById("shown").textContent = shown;
  };
  filters.addEventListener("input", show);
  filters.addEventListener("reset", () => setTimeout(show));
  const pictures = JSON.parse(document.getElementById("typical").textContent);
  for (const image of document.querySelectorAll("img[data-typical]")) {
    image.src = pictures[image.dataset.typical];
  }
  show();
}
