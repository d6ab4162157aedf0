(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const search = document.getElementById("search");
  const surface = document.getElementById("surface");
  const toggle = document.getElementById("language");
  const items = all("[data-surface]");
  const texts = new Map(items.map((item) => [item, item.textContent.toLowerCase()]));

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filtered = words.length > 0 || surface.value !== "";
    const matches = (item) =>
      (!surface.value || item.dataset.surface === surface.value) &&
      words.every((word) => texts.get(item).includes(word));
    for (const item of items) item.hidden = filtered && !matches(item);
    for (const box of all(".card.untested, .group")) {
      const inner = all("[data-surface]", box);
      box.hidden = filtered && inner.length > 0 && inner.every((item) => item.hidden);
    }
    for (const list of all(".long ul")) {
      const empty = all("[data-surface]", list).every((item) => item.hidden);
      list.hidden = empty;
      list.previousElementSibling.hidden = empty;
    }
    if (words.length) for (const long of all("details.long")) long.open = true;
    document.getElementById("nothing").hidden = !filtered || items.some((item) => !item.hidden);
  };

  const speak = (language) => {
    root.dataset.language = language;
    root.lang = language === "zh" ? "zh-CN" : "en";
    for (const each of all("[data-en]")) {
      const text = each.dataset[language];
      if (each === search) each.placeholder = text;
      else each.textContent = text;
    }
    toggle.setAttribute("aria-label", language === "zh" ? "Switch to English" : "切换到中文");
  };

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target && target.closest("details");
    if (closed) closed.open = true;
  };

  for (const each of all(".needs-script")) each.hidden = false;
  search.addEventListener("input", filter);
  surface.addEventListener("change", filter);
  document.getElementById("results-filter").addEventListener("submit", (event) => event.preventDefault());
  toggle.addEventListener("click", () => speak(root.dataset.language === "zh" ? "en" : "zh"));
  for (const link of all("[data-pick]")) {
    link.addEventListener("click", () => { surface.value = link.dataset.pick; filter(); });
  }
  for (const box of all(".copyable")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    const words = { en: ["Copy", "Copied"], zh: ["复制", "已复制"] };
    const label = (done) => { button.textContent = words[root.dataset.language][done]; };
    label(0);
    button.dataset.en = words.en[0];
    button.dataset.zh = words.zh[0];
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.querySelector("pre").textContent);
      label(1);
      setTimeout(() => label(0), 1500);
    });
    box.append(button);
  }
  window.addEventListener("beforeprint", () => { for (const each of all("details")) each.open = true; });
  window.addEventListener("hashchange", reveal);
  reveal();
  filter();
})();
