"use strict";
(() => {
  const form = document.getElementById("find");
  const shown = form.querySelector("output");
  const talk = (node) => ({ node, score: parseFloat(node.dataset.score), text: null });
  const cards = [...document.querySelectorAll("#browser > .scenario")].map((node) => ({
    node,
    head: null,
    talks: [...node.querySelectorAll(".transcript")].map(talk),
  }));
  const total = cards.reduce((sum, card) => sum + card.talks.length, 0);
  const textOf = (node) => node.textContent.toLowerCase().replace(/\s+/g, " ");

  // Texts are read at the first search, so that opening the page costs nothing.
  const read = (card) => {
    if (card.head !== null) return;
    card.head = textOf(card.node.querySelector("summary")) + textOf(card.node.querySelector(".story"));
    card.talks.forEach((one) => { one.text = textOf(one.node); });
  };

  const ask = () => {
    const field = (name) => form.elements[name];
    return {
      words: field("words").value.trim().toLowerCase().replace(/\s+/g, " "),
      theme: field("theme") ? field("theme").value : "",
      variant: field("variant").value,
      most: field("most").value === "" ? NaN : Number(field("most").value),
      trouble: field("trouble").checked,
    };
  };

  const fits = (one, asked) =>
    (asked.variant === "" || one.node.dataset.variant === asked.variant)
    && (Number.isNaN(asked.most) || one.score <= asked.most)
    && (!asked.trouble || "trouble" in one.node.dataset);

  const update = () => {
    const asked = ask();
    const filtered = asked.variant !== "" || !Number.isNaN(asked.most) || asked.trouble;
    let open = 0;
    let talks = 0;
    for (const card of cards) {
      let fitting = card.talks.filter((one) => fits(one, asked));
      let show = (fitting.length > 0 || !filtered) && (asked.theme === "" || card.node.dataset.theme === asked.theme);
      if (show && asked.words !== "") {
        read(card);
        show = card.head.includes(asked.words) || fitting.some((one) => one.text.includes(asked.words));
      }
      card.node.hidden = !show;
      for (const one of card.talks) one.node.hidden = !fitting.includes(one);
      if (show) { open += 1; talks += fitting.length; }
    }
    shown.textContent = `${open} of ${cards.length} scenarios, ${talks} of ${total} conversations`;
    paint();
  };

  // Where the browser can, the words looked for are coloured without touching the page's elements.
  const paint = () => {
    if (!window.CSS || !CSS.highlights) return;
    const { words } = ask();
    const ranges = [];
    if (words.length > 1) {
      for (const card of cards) if (card.node.open && !card.node.hidden) collect(card.node, words, ranges);
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  };

  const collect = (root, words, ranges) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.data.toLowerCase();
      for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + words.length)) {
        if (text.length !== node.data.length) break;
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + words.length);
        ranges.push(range);
      }
    }
  };

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const card = target && target.closest(".scenario");
    if (!card) return;
    if (card.hidden || target.hidden) { form.reset(); update(); }
    card.open = true;
    target.scrollIntoView();
  };

  let timer = 0;
  const later = () => { clearTimeout(timer); timer = setTimeout(update, 120); };
  form.hidden = false;
  form.addEventListener("input", later);
  form.addEventListener("reset", () => setTimeout(update));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.open.addEventListener("click", () => { for (const card of cards) card.node.open = !card.node.hidden; });
  form.elements.close.addEventListener("click", () => { for (const card of cards) card.node.open = false; });
  for (const card of cards) card.node.addEventListener("toggle", paint);
  window.addEventListener("hashchange", reveal);
  update();
  reveal();
})();
