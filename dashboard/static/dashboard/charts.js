// Draws `<canvas data-chart="ID">` from the JSON script ID, with Chart.js: see dashboard/charts.py for what it holds.
// Colours are the theme's, read when drawing; the same figures stand in a table beside the canvas.
"use strict";

const drawn = new Map();

// Custom properties hold light-dark(); only a real colour property says which of the two it is.
function colourOf(name, probe) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function readColours() {
  const probe = document.body.appendChild(document.createElement("span"));
  const colours = Object.fromEntries(
    ["accent", "success", "warning", "danger", "muted", "control", "line", "surface", "text"].map((name) => [name, colourOf(name, probe)]),
  );
  probe.remove();
  return colours;
}

function draw(canvas) {
  const source = document.getElementById(canvas.dataset.chart);
  if (!source || typeof Chart === "undefined") return;
  drawn.get(canvas)?.destroy();
  const { type, labels, series, unit, stacked } = JSON.parse(source.textContent);
  const colours = readColours();
  const language = document.documentElement.lang;
  const exact = new Intl.NumberFormat(language, unit ? { minimumFractionDigits: 2, maximumFractionDigits: 5 } : {});
  const short = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 2 });
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  const isBar = type === "bar";
  drawn.set(canvas, new Chart(canvas, {
    type,
    data: {
      labels,
      datasets: series.map(({ label, values, kind }, number) => ({
        label,
        grouped: Boolean(stacked), // side by side, thirty days of two series would be threads: each later one stands in front
        order: stacked ? number : -number,
        data: values.map(Number),
        backgroundColor: colours[kind || "accent"],
        borderColor: colours[kind || "accent"],
        borderWidth: isBar ? 0 : 2,
        borderRadius: isBar && !stacked ? 2 : 0,
        maxBarThickness: 22,
        pointRadius: 0,
        pointHitRadius: 12,
        tension: 0,
      })),
    },
    options: {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          stacked,
          grid: { display: false },
          border: { color: colours.line },
          ticks: { color: colours.muted, font, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          stacked,
          beginAtZero: true,
          // Without anything to show, an axis from 0 to 1 in tenths would promise precision.
          suggestedMax: series.some(({ values }) => values.some((value) => Number(value) > 0)) ? undefined : 10,
          grid: { color: colours.line },
          border: { display: false },
          ticks: { color: colours.muted, font, maxTicksLimit: 5, precision: unit ? undefined : 0, callback: (value) => short.format(value) },
        },
      },
      plugins: {
        legend: {
          display: series.length > 1 && canvas.dataset.legend !== "off",
          reverse: !stacked,
          position: "bottom",
          align: "start",
          labels: { color: colours.muted, font, boxWidth: 10, boxHeight: 10 },
        },
        tooltip: {
          backgroundColor: colours.text,
          titleColor: colours.surface,
          bodyColor: colours.surface,
          titleFont: font,
          bodyFont: font,
          padding: 10,
          cornerRadius: 6,
          boxPadding: 4,
          callbacks: {
            label: ({ dataset, parsed }) => ` ${dataset.label}: ${exact.format(parsed.y)}${unit ? ` ${unit}` : ""}`,
          },
        },
      },
    },
  }));
}

function drawAll(root) {
  root.querySelectorAll("canvas[data-chart]").forEach(draw);
}

function redraw() {
  for (const [canvas, chart] of drawn) {
    if (canvas.isConnected) continue;
    chart.destroy();
    drawn.delete(canvas);
  }
  drawAll(document);
}

document.addEventListener("panel:theme", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) drawAll(event.detail.elt); });
drawAll(document);
