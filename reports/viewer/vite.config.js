// One file: the script and the style stand in the page, and the page's policy allows that one script by its hash, so that
// nothing in the data could run even if it were not escaped.
import { createHash } from "node:crypto";
import { viteSingleFile } from "vite-plugin-singlefile";

// Runs after the script has been put into the page.
const policy = {
  name: "policy",
  enforce: "post",
  generateBundle(_, bundle) {
    const page = bundle["index.html"];
    const scripts = [...page.source.matchAll(/<script type="module"[^>]*>([\s\S]*?)<\/script>/g)];
    if (scripts.length !== 1) throw new Error(`the page has ${scripts.length} scripts, not one`);
    // Behind the data, which a module script would wait for anyway: so the page itself tells where it ends.
    const hash = createHash("sha256").update(scripts[0][1]).digest("base64");
    page.source = page.source
      .replace(scripts[0][0], "")
      .replace("script-src 'self'", `script-src 'sha256-${hash}'`)
      .replace("</body>", () => `${scripts[0][0].replace(" crossorigin", "")}</body>`);
  },
};

export default {
  base: "./",
  logLevel: "warn",
  plugins: [viteSingleFile({ removeViteModuleLoader: true }), policy],
  build: { target: "es2022", assetsInlineLimit: Infinity, modulePreload: false },
};
