"use strict";
(async () => {
  const say = (state) => {
    for (const part of document.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
  };
  if (location.protocol === "file:") return say("file");
  let manifest;
  try {
    const answer = await fetch("manifest.json", { cache: "no-cache", credentials: "same-origin" });
    // Stores that may not be listed answer 403 for what is not there.
    if (!answer.ok) return say([403, 404, 410].includes(answer.status) ? "none" : "failed");
    manifest = await answer.json();
  } catch {
    return say("failed");
  }
  // Files of the attempt only: a manifest that someone changed leads nowhere else.
  const isFile = (href) => typeof href === "string" && /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(href);
  const listed = Array.isArray(manifest?.artifacts) ? manifest.artifacts : [];
  const files = listed.filter((artifact) => isFile(artifact?.href));
  const page = files.find((artifact) => artifact.role === "viewer");
  if (page) return location.replace(page.href + location.search + location.hash);
  const list = document.querySelector("#files");
  for (const { href } of files) {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = href.split("/")[1];
    list.append(document.createElement("li"));
    list.lastChild.append(link);
  }
  say("files");
})();
