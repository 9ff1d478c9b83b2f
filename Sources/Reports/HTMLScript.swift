/// The page's script: an enhancement, never needed. It adds a filter over the open items, sorting by a click on a
/// heading, and buttons that unfold and fold. It writes no HTML: everything is made with the DOM.
enum HTMLScript {
    static let text = #"""
        (() => {
        "use strict";
        const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
        const make = (name, props = {}, ...children) => {
          const element = Object.assign(document.createElement(name), props);
          element.append(...children);
          return element;
        };
        const number = text => {
          const digits = text.replace(/[^0-9.\-]/g, "");
          return digits === "" || digits === "-" ? null : Number(digits);
        };
        // Amounts of different currencies are not compared: they sort within each, in the order that the page names.
        const currencies = (document.body.dataset.currencies || "").split(" ");
        const unitOf = text => {
          const word = text.replace(/[^A-Za-z$]/g, "");
          return word === "$" ? "USD" : word;
        };
        const byUnit = (one, other) => {
          const [a, b] = [one, other].map(unit => currencies.includes(unit) ? currencies.indexOf(unit) : Infinity);
          return a === b ? (one < other ? -1 : 1) : a < b ? -1 : 1;
        };
        const first = cell => cell ? (cell.firstChild ? cell.firstChild.textContent.trim() : "") : "";

        // Sorting: within a section's group, over all of its folded blocks.
        const sortGroup = (tables, column, isNumber, unitColumn, direction) => {
          // Sums have a body of their own, which stands first and stays there.
          const bodies = tables.map(table => table.tBodies[table.tBodies.length - 1]);
          const sizes = bodies.map(body => body.rows.length);
          const rows = bodies.flatMap(body => Array.from(body.rows));
          const keyed = rows.map((row, index) => {
            const text = first(row.cells[column]);
            const unit = !isNumber ? "" : unitColumn === undefined ? unitOf(text) : first(row.cells[unitColumn]);
            return { row, index, unit, key: isNumber ? number(text) : text.toLowerCase() };
          });
          keyed.sort((a, b) => {
            const [none, other] = [a, b].map(entry => entry.key === null || entry.key === "");
            if (none !== other) return none ? 1 : -1;
            if (!none && a.unit !== b.unit) return byUnit(a.unit, b.unit);
            if (a.key === b.key) return a.index - b.index;
            return (a.key < b.key ? -1 : 1) * direction;
          });
          let start = 0;
          bodies.forEach((body, index) => {
            body.append(...keyed.slice(start, start + sizes[index]).map(entry => entry.row));
            start += sizes[index];
          });
        };
        for (const group of all("details.kind, section:not(.card)")) {
          const tables = all("table", group).filter(t => t.closest("details.kind, section:not(.card)") === group);
          tables.forEach(table => Array.from(table.tHead ? table.tHead.rows[0].cells : []).forEach((head, column) => {
            // Not a button element: with one inside, browsers do not repeat the heading on paper.
            const button = make("span", { className: "sort", tabIndex: 0 });
            button.setAttribute("role", "button");
            button.append(...head.childNodes);
            head.append(button);
            head.classList.add("sorts");
            button.addEventListener("keydown", event => {
              if (event.key !== "Enter" && event.key !== " ") return;
              event.preventDefault();
              button.click();
            });
            // Rows stay among those of their sort: a caption goes on being true.
            const set = tables.filter(other => other.parentElement.dataset.set === table.parentElement.dataset.set);
            // The whole cell sorts; keys reach the words in it, whose click comes up to here.
            head.addEventListener("click", () => {
              const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
              const unitColumn = head.dataset.unit;
              const isNumber = head.classList.contains("n") || unitColumn !== undefined;
              sortGroup(set, column, isNumber, unitColumn, direction);
              set.forEach(other => Array.from(other.tHead.rows[0].cells).forEach((cell, index) => {
                if (index === column) cell.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
                else cell.removeAttribute("aria-sort");
              }));
            });
          }));
        }

        // Filter and folding of the open items.
        const items = document.getElementById("open_items");
        if (items && items.querySelector("table")) {
          const rows = all("tbody tr", items);
          let texts = null;
          const status = make("output", {});
          const input = make("input", { type: "search", placeholder: "Filter: agency, id, kind, state, owner …" });
          input.setAttribute("aria-label", "Filter open items");
          const apply = () => {
            const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
            texts = texts || rows.map(row => {
              const kind = row.closest("details.kind").querySelector("summary b").textContent;
              return (kind + " " + Array.from(row.cells, cell => cell.textContent).join(" ")).toLowerCase();
            });
            let shown = 0;
            rows.forEach((row, index) => {
              const isShown = words.every(word => texts[index].includes(word));
              if (row.hidden === isShown) row.hidden = !isShown;
              if (isShown) shown += 1;
            });
            for (const block of all("details", items).reverse()) {
              const has = block.querySelector("tbody tr:not([hidden])") !== null;
              block.hidden = !has;
              if (words.length > 0 && has && shown <= 500) block.open = true;
            }
            status.textContent = words.length === 0 ? "" : shown.toLocaleString("en-US") + " of "
              + rows.length.toLocaleString("en-US") + " items";
          };
          let timer = 0;
          input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(apply, 120); });
          const fold = (label, isOpen) => {
            const button = make("button", { type: "button", textContent: label });
            button.addEventListener("click", () => all("details", items).forEach(block => { block.open = isOpen; }));
            return button;
          };
          const folds = [fold("Unfold all", true), fold("Fold all", false)];
          const bar = make("div", { className: "bar" }, input, ...folds, status);
          const anchor = items.querySelector("details");
          items.insertBefore(bar, anchor);
        }

        // A link to a folded section unfolds it; paper gets what is folded, unless that would be a book.
        addEventListener("hashchange", () => {
          const target = document.getElementById(location.hash.slice(1));
          const block = target && target.querySelector("details");
          if (block) block.open = true;
        });
        let opened = [];
        addEventListener("beforeprint", () => {
          if (all("tbody tr").length > 5000) return;
          opened = all("details:not([open])");
          opened.forEach(block => { block.open = true; });
        });
        addEventListener("afterprint", () => { opened.forEach(block => { block.open = false; }); opened = []; });
        })();
        """#
}
