// Charts, drawn by uPlot in this page's colours.

/* global uPlot */

const HEIGHT = 150;

const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** The time of day, or the day where it is another than the tick's before. */
function clock(stamp, before) {
  const date = new Date(stamp * 1000);
  const isNewDay = before !== undefined && new Date(before * 1000).toDateString() !== date.toDateString();
  return isNewDay ? DAY.format(date) : HOUR.format(date);
}

/** A chart that fills its place. `series`: { label, stroke?, fill?, values }; times are on the x axis. */
export function drawChart(place, { title, xs, series, isTime = true, height = HEIGHT, format = String, most = null }) {
  if (typeof uPlot === "undefined") {
    place.textContent = "This browser cannot draw the chart."; // uPlot minds a language it does not know
    return;
  }
  const look = getComputedStyle(document.documentElement);
  const color = (name) => look.getPropertyValue(`--${name}`).trim();
  const axis = { stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    title: "",
    width: Math.max(place.clientWidth, 200),
    height,
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: isTime }, y: { range: (_, low, high) => [0, most ?? (high > 0 ? high * 1.08 : 1)] } },
    axes: [{ ...axis, grid: { show: false }, values: (_, ticks) => (isTime ? ticks.map((tick, at) => clock(tick, ticks[at - 1])) : ticks) }, { ...axis, size: 62, values: (_, ticks) => ticks.map(format) }],
    series: [
      isTime ? { value: (_, x) => (x === null ? "–" : new Date(x * 1000).toLocaleString("en-GB", { dateStyle: "short", timeStyle: "short" })) } : { label: "seconds", value: (_, x) => x?.toFixed(2) ?? "–" },
      ...series.map((one) => ({
        label: one.label,
        stroke: color(one.color ?? "accent"),
        fill: one.fill ? color(one.fill) : undefined,
        width: 1.6,
        dash: one.dash,
        spanGaps: true,
        points: { show: one.values.filter((value) => value !== null).length < 40, size: 4 },
        value: (_, y) => (y === null || y === undefined ? "–" : format(y)),
      })),
    ],
  };
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", title);
  letGo();
  const chart = new uPlot(options, [xs, ...series.map((one) => one.values)], place);
  const observer = new ResizeObserver(() => chart.setSize({ width: Math.max(place.clientWidth, 200), height }));
  observer.observe(place);
  drawn.add({ place, chart, observer });
}

// uPlot keeps every chart until it is told to let go; a page that draws anew leaves the old ones behind.
const drawn = new Set();

function letGo() {
  for (const one of drawn) {
    if (one.place.isConnected) continue;
    one.observer.disconnect();
    one.chart.destroy();
    drawn.delete(one);
  }
}
