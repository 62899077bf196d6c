"use strict";
(function () {
  var data = JSON.parse(document.getElementById("data").textContent);
  if (!data.tables) return;
  var columns = data.tables[0].columns, rows = data.tables[0].rows;
  var place = {};
  columns.forEach(function (column, index) { place[column.key] = index; });

  // The same as `shown` of evaluations.py.
  function show(value, kind) {
    if (value === null) return "";
    if (kind === "text") return value;
    if (kind === "count") return count(value);
    if (kind === "percent" || kind === "points") return (100 * value).toFixed(2);
    return kind === "number" ? String(Number(value.toPrecision(4))) : value.toFixed(0);
  }

  function count(value) {
    var scales = [["P", 1e15], ["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]];
    for (var i = 0; i < scales.length; i++) {
      if (Math.abs(value) >= scales[i][1] * 0.9995) {
        return Number((value / scales[i][1]).toPrecision(3)) + scales[i][0];
      }
    }
    return String(Number(value.toPrecision(3)));
  }

  function element(name, text, kind) {
    var made = document.createElement(name);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  // Tooltips: the nearest dot of the figure, for a mouse and for a finger.
  var tip = document.getElementById("tip"), marked = null;

  function hide() {
    tip.hidden = true;
    if (marked) marked.classList.remove("on");
    marked = null;
  }

  function tell(dot, event) {
    if (marked !== dot) {
      hide();
      marked = dot;
      dot.classList.add("on");
      var of = data.tables[Number(dot.ownerSVGElement.dataset.table)];
      var row = of.rows[Number(dot.dataset.row)];
      tip.textContent = "";
      tip.appendChild(element("b", row[0]));
      of.columns.forEach(function (column, index) {
        if (index && row[index] !== null && column.brief) {
          tip.appendChild(element("div", column.title + ": " + show(row[index], column.kind)));
        }
      });
      tip.hidden = false;
    }
    var x = event.clientX + 14, y = event.clientY + 14;
    if (x + tip.offsetWidth > innerWidth - 4) x = event.clientX - tip.offsetWidth - 14;
    if (y + tip.offsetHeight > innerHeight - 4) y = innerHeight - tip.offsetHeight - 4;
    tip.style.left = Math.max(x, 4) + "px";
    tip.style.top = Math.max(y, 4) + "px";
  }

  document.querySelectorAll("svg[data-figure]").forEach(function (figure) {
    var dots = Array.prototype.slice.call(figure.querySelectorAll("use[data-row]"));
    dots.forEach(function (dot) { // its own tooltip would cover this one
      if (dot.firstChild) dot.removeChild(dot.firstChild);
    });
    var at = dots.map(function (dot) {
      return [Number(dot.getAttribute("x")), Number(dot.getAttribute("y"))];
    });
    function near(event) {
      var box = figure.getBoundingClientRect();
      var scale = figure.viewBox.baseVal.width / box.width;
      var x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      var best = -1, least = Math.pow(18 * Math.max(scale, 1), 2);
      for (var i = 0; i < at.length; i++) {
        var far = (at[i][0] - x) * (at[i][0] - x) + (at[i][1] - y) * (at[i][1] - y);
        if (far <= least) { least = far; best = i; }
      }
      if (best < 0) hide(); else tell(dots[best], event);
    }
    figure.addEventListener("pointermove", near);
    figure.addEventListener("pointerdown", near);
    figure.addEventListener("pointerleave", function (event) {
      if (event.pointerType !== "touch") hide(); // a finger leaves as soon as it has tapped
    });
  });
  document.addEventListener("pointerdown", function (event) {
    if (!event.target.closest("svg[data-figure]")) hide();
  });
  document.addEventListener("scroll", hide, true);

  // The figure that was chosen, also after a page is read again while its study runs.
  document.querySelectorAll(".views > input").forEach(function (choice) {
    try {
      if (sessionStorage.getItem(location.pathname) === choice.id) choice.checked = true;
      choice.addEventListener("change", function () {
        sessionStorage.setItem(location.pathname, choice.id);
      });
    } catch (refused) {} // a browser that keeps nothing shows the first one again
  });

  // The table: sorted by a click on a heading, filtered by words that all must be in the row.
  var table = document.getElementById("table");
  if (!table) return;
  var body = table.tBodies[0], heads = table.tHead.rows[0].cells;
  var filter = document.getElementById("filter"), more = document.getElementById("more");
  var told = document.getElementById("count"), limit = data.listed;
  var sorted = place.accuracy, down = true;
  var words = rows.map(function (row) {
    return [row[place.name], row[place.kind]].join(" ").toLowerCase();
  });
  var order = rows.map(function (_, index) { return index; });
  var styles = Array.prototype.map.call(heads, function (head) { return head.className; });

  function sort() {
    order.sort(function (a, b) {
      var x = rows[a][sorted], y = rows[b][sorted];
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1) || a - b;
    });
    for (var i = 0; i < heads.length; i++) {
      if (i === sorted) heads[i].setAttribute("aria-sort", down ? "descending" : "ascending");
      else heads[i].removeAttribute("aria-sort");
    }
  }

  function fill() {
    var wanted = filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    var fitting = order.filter(function (index) {
      return wanted.every(function (word) { return words[index].indexOf(word) >= 0; });
    });
    var made = document.createDocumentFragment();
    fitting.slice(0, limit).forEach(function (index) {
      var line = document.createElement("tr");
      columns.forEach(function (column, number) {
        line.appendChild(element("td", show(rows[index][number], column.kind), styles[number]));
      });
      made.appendChild(line);
    });
    body.textContent = "";
    body.appendChild(made);
    var there = Math.min(limit, fitting.length);
    told.textContent = there + " of " + fitting.length + " evaluations" +
      (fitting.length < rows.length ? " that fit, of " + rows.length : "");
    more.hidden = there === fitting.length;
  }

  Array.prototype.forEach.call(heads, function (head, index) {
    var button = element("button", head.textContent);
    button.type = "button";
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      down = index === sorted ? !down : columns[index].kind !== "text";
      sorted = index;
      sort();
      fill();
    });
  });
  filter.addEventListener("input", function () { limit = data.listed; fill(); });
  more.addEventListener("click", function () { limit *= 2; fill(); });
  document.querySelector(".controls").hidden = false;
  sort();
  fill();
})();
