// Numbers, times and kinds as people read them.

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const WHOLE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const NOTHING = "–";

/** 1234 → "1,234"; 56789 → "56.8 k". */
export function count(number) {
  if (number >= 1e6) return `${COUNT.format(number / 1e6)} M`;
  return number >= 1e4 ? `${COUNT.format(number / 1e3)} k` : COUNT.format(number);
}

/** "1 call", "2 calls". */
export function several(number, thing, things = `${thing}s`) {
  return `${count(number)} ${number === 1 ? thing : things}`;
}

export function seconds(time) {
  if (time === null || time === undefined) return NOTHING;
  if (time < 1) return `${Math.round(time * 1000)} ms`;
  return time < 100 ? `${time.toFixed(1)} s` : `${Math.floor(time / 60)} min ${Math.round(time % 60)} s`;
}

export function share(part, whole) {
  return whole ? `${COUNT.format((100 * part) / whole)} %` : NOTHING;
}

/** The time of day, with the day where that is not today. */
export function when(stamp) {
  const date = new Date(stamp * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(date) : `${DAY.format(date)} ${CLOCK.format(date).slice(0, 5)}`;
}

export function fullTime(stamp) {
  return WHOLE.format(new Date(stamp * 1000));
}

/** "result_missing" → "result missing". */
export function kind(name) {
  return name.replaceAll("_", " ");
}
