// Presets where the reporter is from the browser's time zone. It is only a proposal, and only this choice is sent.
"use strict";
(() => {
  const region = document.getElementById("region");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!region || !zone || region.value) return;
  const found = [...region.options].find((o) => (o.dataset.zones || "").split(" ").includes(zone));
  if (!found) return;
  region.value = found.value;
  document.getElementById("preset").hidden = false;
})();
