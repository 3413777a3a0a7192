// Keeps an open page right: hears of changes by server-sent events, takes the same page anew, and changes what differs.
// Without it the page is whole; it is only as old as it says.
"use strict";
(() => {
  const OLD_MS = 180_000, TICK_MS = 5_000;
  const body = document.body, told = document.getElementById("told");
  const played = "simulated" in body.dataset;
  let ahead = 0; // how far the server's clock is ahead of this one
  let wait = 1_000, due = null, asked = null, wanted = false, live = null;
  let expected = 0, tries = 0; // the newest board that was told of, and how often it was not there yet
  let heard = ""; // the number it was told under

  const now = () => Date.now() + ahead;
  const at = (s) => Date.parse(s || "");

  // The words of stillup's own spans, so that a script changes nothing but the number.
  function span(s) {
    if (s < 60) return `${Math.max(0, Math.round(s))} s`;
    if (s < 90) return "1 min";
    const min = Math.round(s / 60);
    if (min < 60) return `${min} min`;
    if (min < 120) return min === 60 ? "1 h" : `1 h ${min - 60} min`;
    const h = Math.round(s / 360) / 10;
    return h < 48 ? `${h} h` : `${Math.round(s / 86400)} days`;
  }

  function tick() {
    if (played) return; // there a minute is not a minute
    for (const t of document.querySelectorAll("time[data-ago]")) {
      const s = (now() - at(t.dateTime)) / 1000;
      const words = s < 5 ? "just now" : `${span(s)} ago`;
      if (t.textContent !== words) t.textContent = words;
    }
    const old = document.getElementById("old");
    if (old) old.hidden = now() - at(body.dataset.at) <= OLD_MS;
  }

  function show(state) {
    live = state;
    const link = document.getElementById("link");
    if (!link) return;
    link.hidden = state === null;
    link.className = state ? "on" : "off";
    link.textContent = state ? "Live" : "Offline: trying again";
  }

  // Changes `from` into `to` in place: what is equal stays, so that focus, scroll and open details stay too.
  function morph(from, to) {
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
    const key = (n) => n.nodeType === 1 ? `${n.nodeName} ${n.id || n.getAttribute("aria-labelledby") || ""}` : n.nodeName;
    let old = from.firstChild;
    for (const fresh of [...to.childNodes]) {
      let match = old;
      while (match && key(match) !== key(fresh)) match = match.nextSibling;
      if (match) {
        while (old !== match) { const gone = old; old = old.nextSibling; gone.remove(); }
        old = match.nextSibling;
        if (!match.isEqualNode(fresh)) morph(match, fresh);
      } else from.insertBefore(document.importNode(fresh, true), old);
    }
    while (old) { const gone = old; old = old.nextSibling; gone.remove(); }
  }

  const verdict = () => document.getElementById("verdict");

  function take(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const main = fresh.querySelector("main");
    if (!main || !fresh.body.dataset.at || at(fresh.body.dataset.at) < at(body.dataset.at)) return;
    const before = verdict()?.dataset.says;
    morph(document.querySelector("main"), main);
    document.title = fresh.title;
    body.dataset.at = fresh.body.dataset.at;
    show(live);
    tick();
    const says = verdict()?.dataset.says;
    if (before !== undefined && says !== before) {
      told.textContent = says;
      verdict().classList.add("flash");
    }
  }

  async function fetchNew() {
    due = null;
    if (asked) { wanted = true; return; }
    asked = new AbortController();
    const limit = setTimeout(() => asked.abort(), 15_000);
    try {
      // Whoever keeps pages for everybody may keep the old one: asked for by the number it is the new one.
      const url = new URL(location.href);
      if (heard) url.searchParams.set("board", heard);
      const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store", signal: asked.signal });
      const date = at(answer.headers.get("Date"));
      if (date && !played && Math.abs(date - Date.now()) > 60_000) ahead = date - Date.now();
      if (answer.ok) take(await answer.text());
    } catch { /* the next event asks again */ }
    clearTimeout(limit);
    asked = null;
    if (at(body.dataset.at) >= expected) tries = 0;
    else if (tries++ < 4) soon(3_000, true);
    if (wanted) { wanted = false; soon(500); }
  }

  // Pages of many readers must not all ask in the same instant. A hidden page waits until it is looked at, unless the
  // verdict changed: that is seen on its tab.
  function soon(within, changed = false) {
    if (document.hidden && !changed) { wanted = true; return; }
    const when = Math.random() * within;
    if (due && due.by <= Date.now() + when) return;
    if (due) clearTimeout(due.id);
    due = { by: Date.now() + when, id: setTimeout(fetchNew, when) };
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && wanted) { wanted = false; soon(200); }
    tick();
  });

  function listen() {
    const of = body.dataset.service;
    const events = new EventSource(of ? `/events?brief=1&service=${encodeURIComponent(of)}` : "/events?brief=1");
    events.onopen = () => { wait = 1_000; show(true); };
    events.onerror = () => {
      show(false);
      if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(listen, wait * (0.5 + Math.random()));
      wait = Math.min(wait * 2, 60_000);
    };
    // A change is told before the minute it belongs to; whoever opens a page hears of the minute it shows already.
    let changed = false;
    events.addEventListener("verdict", () => { changed = true; });
    events.addEventListener("reset", () => soon(2_000));
    events.addEventListener("board", (event) => {
      const told = at(JSON.parse(event.data).at);
      // Of one minute there may be several boards, where several judge.
      if (changed || told > at(body.dataset.at)) {
        expected = Math.max(expected, told);
        heard = event.lastEventId;
        soon(changed ? 700 : 8_000, changed);
      }
      changed = false;
    });
  }

  // A page rendered for a minute long gone, or a clock that is wrong here: ask which.
  if (!played && Math.abs(Date.now() - at(body.dataset.at)) > OLD_MS) fetchNew();
  tick();
  setInterval(tick, TICK_MS);
  if (window.EventSource) listen();
})();
