// The chat page: sends the conversation, shows the answer as it comes, keeps it in this browser.
// What comes from a model is put in as text only; HTML is what our own server made of it (/chat/render, the event html).
"use strict";
(() => {
  const KEY = "stillup.chat.1";
  const MOST_KEPT = 2000000, LONGEST_KEPT = 400000;
  const IMAGE = 5 << 20, PDF = 10 << 20, TEXT = 512 << 10, FILES = 10, TURNS = 400, ALL = 26 << 20;
  const $ = (id) => document.getElementById(id);
  const form = $("ask"), text = $("text"), model = $("model"), talk = $("talk"), doing = $("doing");
  const send = $("send"), stop = $("stop"), files = $("files"), chosen = $("chosen");

  let turns = [];      // {id, role, text, files: [{name, type, data}], about, seams, went, note, trouble}
  let waiting = [];    // files chosen for the next message
  let running = null;  // AbortController of the answer that is coming
  let coming = null;   // the turn it comes into
  let wanted = "";     // the model that was chosen last, though nobody may offer it now
  const taken = new Set(); // ids of what was taken back here

  // --- the browser's storage: without files, they would not fit

  function keep() {
    const all = merged(stored().turns);
    const kept = all.map(stripped);
    let whole = true;
    try {
      const told = () => JSON.stringify({ turns: kept, model: model.value || wanted, draft: text.value });
      let said = told();
      while (said.length > MOST_KEPT && kept.length > 2) { kept.splice(0, 2); said = told(); whole = false; }
      localStorage.setItem(KEY, said);
    } catch (_) {
      whole = false; // storage is off or full: the tab still has everything
    }
    if (!running && all.length !== turns.length) { turns = all; showAll(); }
    return whole;
  }

  function stripped(turn) {
    const { id, role, about, seams, went, trouble, names, files: own } = turn;
    const told = [
      turn === coming ? "The page was left before the answer came to its end." : turn.note || "",
      turn.text.length > LONGEST_KEPT ? "Only its beginning is kept in this browser." : "",
    ];
    return {
      id, role, text: turn.text.slice(0, LONGEST_KEPT), about, seams: seams || [], went, trouble,
      note: told.filter(Boolean).join(" "), names: [...(names || []), ...(own || []).map((f) => f.name)],
    };
  }

  // What another tab has kept meanwhile stays; what is new here stands behind what it stood behind.
  function merged(others) {
    const all = others.filter((turn) => !taken.has(turn.id));
    turns.forEach((turn, i) => {
      const at = all.findIndex((other) => other.id === turn.id);
      if (at >= 0) all[at] = turn;
      else all.splice(i ? all.findIndex((other) => other.id === turns[i - 1].id) + 1 : 0, 0, turn);
    });
    return all;
  }

  function stored() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY) || "{}");
      const found = (Array.isArray(kept.turns) ? kept.turns : [])
        .filter((t) => t && (t.role === "user" || t.role === "assistant") && typeof t.text === "string")
        .map((t, i) => ({ ...t, id: String(t.id || "old-" + i), files: [], seams: Array.isArray(t.seams) ? t.seams : [] }));
      return { ...kept, turns: found };
    } catch (_) {
      return { turns: [] };
    }
  }

  function recall() {
    const kept = stored(), own = new Map(turns.map((t) => [t.id, t]));
    // Where nothing else is told of it, what this tab has is more: files, and all of a long text.
    const same = (mine, other) => mine && JSON.stringify(stripped(mine)) === JSON.stringify(stripped(other));
    turns = kept.turns.map((t) => (same(own.get(t.id), t) ? own.get(t.id) : t));
    return kept;
  }

  // Another tab kept something.
  function overheard(event) {
    if (event.key !== KEY && event.key !== null) return;
    if (running) { // it is put together when the answer is there
      if (!event.newValue) { turns.slice(0, -2).forEach((t) => t.item.remove()); turns = turns.slice(-2); }
      return;
    }
    const before = turns;
    recall();
    if (turns.length !== before.length || turns.some((t, i) => t !== before[i])) showAll();
  }

  function made(role, words, own) {
    return { id: Date.now().toString(36) + Math.random().toString(36).slice(2, 10), role, text: words, files: own };
  }

  // --- showing

  function el(name, className, words) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (words !== undefined) made.textContent = words;
    return made;
  }

  function button(words, act) {
    const made = el("button", "quiet minor", words);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  function show(turn) {
    const item = el("li", "turn " + turn.role);
    const words = el("div", turn.role === "user" ? "words plain" : "words", turn.text);
    item.append(el("h2", "", title(turn)), words);
    const names = (turn.files || []).map((f) => f.name), gone = turn.names || [];
    if (names.length) item.append(el("p", "names", "Attached: " + names.join(", ")));
    if (gone.length) item.append(el("p", "names", "Was attached, and is not sent again: " + gone.join(", ")));
    talk.append(item);
    turn.item = item;
    turn.words = words;
    return item;
  }

  function title(turn) {
    if (turn.role === "user") return "You";
    const about = turn.about || {};
    if (!about.model) return "Answer";
    const name = (one) => one.model + (one.model && one.upstream ? " via " : "") + one.upstream;
    return [about, ...(turn.seams || [])].map(name).join(", then ");
  }

  function finish(turn) {
    const item = turn.item;
    item.querySelector("h2").textContent = title(turn);
    item.querySelectorAll(".about, .trouble, .turn-tools").forEach((old) => old.remove());
    const about = turn.about || {};
    const told = [
      turn.went || "",
      about.note ? about.note + (/[.!?]$/.test(about.note) ? "" : ".") : "",
      turn.note || "",
    ].filter(Boolean);
    if (told.length) item.append(el("p", "about", told.join(" ")));
    if (turn.trouble) {
      const box = el("div", "trouble");
      box.setAttribute("role", "alert");
      const says = el("p");
      says.append(el("strong", "", turn.trouble.says));
      box.append(says);
      if (turn.trouble.todo) {
        const todo = el("p"); // what stands between backticks is to be typed
        turn.trouble.todo.split("`").forEach((part, i) => todo.append(i % 2 ? el("code", "", part) : part));
        box.append(todo);
      }
      item.append(box);
    }
    const tools = el("p", "turn-tools");
    if (turn.text) tools.append(button("Copy", () => copy(turn.text)));
    if (turn === turns[turns.length - 1] && turn.role === "assistant") {
      tools.append(button("Try again", again));
      if (turn.trouble && !turn.text) tools.append(button("Change the message", change));
    }
    if (tools.childNodes.length) item.append(tools);
  }

  function copy(words) {
    navigator.clipboard.writeText(words).then(() => say("Copied."), () => say("The browser did not let it be copied."));
  }

  function say(words) {
    doing.textContent = words;
  }

  function nearEnd() {
    return innerHeight + scrollY >= document.documentElement.scrollHeight - 320;
  }

  async function dress(those) {
    // Stored answers are text: the server makes their HTML anew.
    if (!those.length) return;
    try {
      const answer = await post("/chat/render", { texts: those.map((t) => t.text), seams: those.map((t) => t.seams || []) });
      const { html } = await answer.json();
      those.forEach((turn, i) => { if (typeof html[i] === "string") turn.words.innerHTML = html[i]; });
    } catch (_) {
      // They stay plain text.
    }
  }

  function showAll() {
    talk.replaceChildren();
    turns.forEach((turn) => { show(turn); if (turn.role === "assistant") finish(turn); });
    dress(turns.filter((t) => t.role === "assistant" && t.text));
    $("tools").hidden = !turns.length;
  }

  // --- files

  function fits(file) {
    const kind = file.type.startsWith("image/") ? ["an image", IMAGE] : file.type === "application/pdf" ? ["a PDF", PDF] : ["a text", TEXT];
    if (!file.size) return file.name + " is empty.";
    if (file.size > kind[1]) return `${file.name} has ${(file.size / 1048576).toFixed(1)} MB, and ${kind[0]} may have ${kind[1] >= 1 << 20 ? (kind[1] >> 20) + " MB" : (kind[1] >> 10) + " KB"}.`;
    return "";
  }

  function read(file) {
    return new Promise((done, failed) => {
      const reader = new FileReader();
      reader.onload = () => done({ name: file.name || "pasted", type: file.type, data: String(reader.result).replace(/^[^,]*,/, "") });
      reader.onerror = () => failed(reader.error);
      reader.readAsDataURL(file);
    });
  }

  async function attach(list) {
    const refused = [];
    for (const file of list) {
      const why = waiting.length >= FILES ? `No more than ${FILES} files go with one message.` : fits(file);
      if (why) { refused.push(why); continue; }
      try { waiting.push(await read(file)); } catch (_) { refused.push(file.name + " could not be read."); }
    }
    say(refused.join(" "));
    showChosen();
  }

  function showChosen() {
    chosen.replaceChildren();
    waiting.forEach((file, i) => {
      const item = el("li");
      if (/^image\/(png|jpeg|gif|webp)$/.test(file.type)) {
        const image = el("img");
        image.src = `data:${file.type};base64,${file.data}`;
        image.alt = "";
        item.append(image);
      }
      const remove = button("Remove", () => { waiting.splice(i, 1); showChosen(); text.focus(); });
      remove.setAttribute("aria-label", "Remove " + file.name);
      item.append(el("span", "", file.name), remove);
      chosen.append(item);
    });
  }

  // --- asking

  function post(path, body, signal) {
    return fetch(path, {
      method: "POST", credentials: "same-origin", cache: "no-store", signal,
      headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
  }

  async function* events(body) {
    const reader = body.getReader(), decoder = new TextDecoder();
    let held = "";
    for (;;) {
      const { done, value } = await reader.read();
      held += decoder.decode(value || new Uint8Array(), { stream: !done });
      let at;
      while ((at = held.indexOf("\n\n")) >= 0) {
        const event = held.slice(0, at);
        held = held.slice(at + 2);
        const kind = /^event: (.*)$/m.exec(event), data = /^data: (.*)$/m.exec(event);
        if (kind && data) yield [kind[1], JSON.parse(data[1])];
      }
      if (done) return;
    }
  }

  const LOST = { says: "The connection to this page was lost.", todo: "See whether `stillup up` still runs, then try again. Your message is still here." };

  async function ask() {
    const turn = made("assistant", "", []);
    const asked = turns.map(({ role, text: words, files: own }) => ({ role, text: words, files: own || [] }));
    turns.push(turn);
    show(turn).setAttribute("aria-busy", "true");
    turn.words.classList.add("plain");
    turn.item.scrollIntoView({ block: "nearest" });
    running = new AbortController();
    coming = turn;
    busy(true);
    const since = Date.now();
    const ticking = setInterval(() => { if (!turn.text) turn.item.dataset.waits = Math.round((Date.now() - since) / 1000) + " s"; }, 1000);
    try {
      if (asked.length > TURNS) throw { says: `This conversation has ${asked.length} messages, and ${TURNS} may go out.`, todo: "Save it as Markdown, clear it, and go on with a summary of it." };
      if (JSON.stringify(asked).length > ALL) throw { says: "That is too large: this conversation with its files is over 26 MB.", todo: "Clear the conversation, or leave a file out." };
      const answer = await post("/chat/send", { model: model.value, turns: asked }, running.signal);
      if (!answer.ok) throw await trouble(answer);
      await hear(turn, answer.body);
    } catch (error) {
      if (error && error.name === "AbortError") turn.note = "Stopped.";
      else turn.trouble = error && typeof error.says === "string" ? error : LOST;
    }
    clearInterval(ticking);
    running = coming = null;
    await settle(turn);
  }

  async function trouble(answer) {
    try {
      const told = await answer.json();
      if (typeof told.says === "string") return told;
    } catch (_) {
      // Not ours: said by its status.
    }
    if (answer.status === 401 || answer.status === 403) return { says: "This page is no longer let in.", todo: "Open it again with the page's token: /chat?token=…." };
    return { says: `The page answered with HTTP ${answer.status}.`, todo: "Reload it and try again." };
  }

  async function hear(turn, body) {
    let over = false, held = "", drawing = 0, wait = 16;
    const draw = () => { // the longer an answer, the dearer it is to lay out: at most a fifth of the time goes into it
      drawing = 0;
      if (!held) return;
      const since = performance.now(), follow = nearEnd();
      turn.words.append(held);
      held = "";
      if (follow) scrollTo({ top: document.documentElement.scrollHeight });
      wait = Math.max(16, 4 * (performance.now() - since));
    };
    try {
      over = await each();
    } finally {
      clearTimeout(drawing);
      draw();
    }
    if (!over) throw LOST;

    async function each() {
      let ended = false;
      for await (const [kind, told] of events(body)) {
        if (kind === "about") {
          turn.about = told;
          turn.item.querySelector("h2").textContent = title(turn);
        } else if (kind === "thinks") {
          turn.item.dataset.thinks = "";
        } else if (kind === "text") {
          turn.text += told.text;
          held += told.text;
          drawing = drawing || setTimeout(draw, wait);
        } else if (kind === "html") {
          const follow = nearEnd();
          held = "";
          turn.words.innerHTML = told.html;
          turn.words.classList.remove("plain");
          turn.dressed = true;
          if (follow) scrollTo({ top: document.documentElement.scrollHeight });
        } else if (kind === "seams") {
          turn.seams = told.seams; // where they stand in the text is for the server to see
          turn.went = told.note;
        } else if (kind === "over") {
          turn.note = told.note;
          ended = true;
        } else if (kind === "trouble") {
          throw told;
        }
      }
      return ended;
    }
  }

  async function settle(turn) {
    turn.item.removeAttribute("aria-busy");
    delete turn.item.dataset.waits;
    delete turn.item.dataset.thinks;
    if (!turn.dressed && turn.text) {
      turn.words.classList.remove("plain");
      await dress([turn]);
    }
    turns.forEach((t) => { if (t.role === "assistant") finish(t); });
    busy(false);
    const whole = keep();
    const told = turn.trouble ? "No whole answer." : turn.note === "Stopped." ? "Stopped." : "The answer is there.";
    say(whole ? told : told + " This browser keeps no more of the conversation: save it as Markdown.");
    if (matchMedia("(pointer: fine)").matches) text.focus({ preventScroll: true }); // elsewhere a keyboard would come up
  }

  function busy(is) {
    send.hidden = is;
    stop.hidden = !is;
    $("clear").disabled = is;
    document.querySelectorAll(".turn-tools button").forEach((b) => { b.disabled = is; });
    $("tools").hidden = !turns.length;
    if (is) say("Waiting for an answer.");
  }

  function submit() {
    if (running || send.disabled) return;
    if (!text.value.trim() && !waiting.length) { say("There is no message to send."); text.focus(); return; }
    const turn = made("user", text.value, waiting);
    turns.push(turn);
    show(turn);
    waiting = [];
    text.value = "";
    files.value = "";
    showChosen();
    keep();
    ask();
  }

  function again() {
    if (running) return;
    const last = turns[turns.length - 1];
    if (last && last.role === "assistant") takeBack();
    if (turns.length) ask();
  }

  function takeBack() {
    const turn = turns.pop();
    taken.add(turn.id);
    turn.item.remove();
    return turn;
  }

  // The last message comes back to be written anew, with its files: one that cannot be sent would stop all that follow.
  function change() {
    if (running) return;
    takeBack();
    const asked = turns.length && turns[turns.length - 1].role === "user" ? takeBack() : { text: "", files: [] };
    text.value = [asked.text, text.value].filter(Boolean).join("\n");
    waiting = [...asked.files, ...waiting].slice(0, FILES);
    showChosen();
    keep();
    $("tools").hidden = !turns.length;
    say("");
    text.focus();
  }

  function chain() {
    const option = model.selectedOptions[0];
    const told = option && option.dataset.chain;
    $("chain").textContent = told ? "Asked: " + told + "." : "";
  }

  function clear() {
    if (!confirm("Clear this conversation from this browser? The gateway's journal keeps its exchanges.")) return;
    turns = [];
    try { localStorage.removeItem(KEY); } catch (_) { /* it is off */ }
    showAll();
    say("Cleared.");
    text.focus();
  }

  function save() {
    const said = turns.map((t) => `## ${title(t)}\n\n${t.text}\n`).join("\n");
    const link = el("a");
    link.href = URL.createObjectURL(new Blob([said], { type: "text/markdown" }));
    link.download = "conversation.md";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // --- begin

  function begin() {
    if (form.elements.before.value.length > 2) return; // the page came back from a form without us: leave it as it is
    const kept = recall();
    wanted = typeof kept.model === "string" ? kept.model : "";
    if ([...model.options].some((o) => o.value === kept.model)) model.value = kept.model;
    if (!text.value && typeof kept.draft === "string") text.value = kept.draft;
    showAll();
    chain();
    $("keys").hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
    stop.addEventListener("click", () => running && running.abort());
    $("clear").addEventListener("click", clear);
    $("save").addEventListener("click", save);
    model.addEventListener("change", () => { chain(); keep(); });
    files.addEventListener("change", () => { attach([...files.files]); files.value = ""; });
    text.addEventListener("input", () => { clearTimeout(begin.soon); begin.soon = setTimeout(keep, 400); });
    addEventListener("pagehide", keep);
    addEventListener("storage", overheard);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && running) running.abort();
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target === text) { event.preventDefault(); submit(); }
    });
    text.addEventListener("paste", (event) => {
      const pasted = [...event.clipboardData.files];
      if (pasted.length) { event.preventDefault(); attach(pasted); }
    });
    form.addEventListener("dragover", (event) => event.preventDefault());
    form.addEventListener("drop", (event) => { event.preventDefault(); attach([...event.dataTransfer.files]); });
  }
  begin();
})();
