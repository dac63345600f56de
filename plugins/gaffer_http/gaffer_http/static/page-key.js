// Signs this browser in: exchanges the page key in the URL (#key=...), which `gafferctl open` puts
// there, for a cookie. A site includes it with
//
//     <script type="module" src="/page-key.js"></script>
//
// or waits for it: import { signedIn } from "/page-key.js"; if (await signedIn) { ... }
// Where the browser is not signed in, the page says how, in the element with data-gaffer="sign-in"
// or at the top.

const part = (name) => document.querySelector(`[data-gaffer="${name}"]`);

// The path of a site is /_plugin/NAME/...
const site = /^\/_plugin\/([^/]+)/.exec(location.pathname)?.[1] ?? "";

async function exchange() {
  const key = /^#key=([\w-]+)$/.exec(location.hash)?.[1];
  if (key === undefined) return "";
  // The key is not to stay in the history of the browser.
  history.replaceState(history.state, "", location.pathname + location.search);
  const answer = await fetch("/page-key", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key }),
  });
  if (!answer.ok) return (await answer.json()).reason;
  // The page that a path of the API has answered with is not what was asked for.
  if (part("signed-in") && location.pathname !== "/page-key") location.reload();
  return "";
}

function explain(reason) {
  if (part("reason")) {
    part("reason").textContent = reason;
    return;
  }
  const place = part("sign-in") ?? document.createElement("p");
  const command = document.createElement("code");
  command.textContent = `gafferctl open ${site}`.trim();
  place.replaceChildren("Not signed in: type ", command, " in a terminal. ", reason);
  place.setAttribute("role", "alert");
  place.hidden = false;
  if (!place.isConnected) document.body.prepend(place);
}

async function listSites() {
  part("sign-in").hidden = true;
  part("signed-in").hidden = false;
  const answer = await fetch("/_plugin/");
  // 404: gaffer-sites is not installed.
  const sites = answer.ok ? (await answer.json()).sites : [];
  part("no-sites").hidden = sites.length > 0;
  part("sites").replaceChildren(
    ...sites.map(({ name, path }) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = path;
      link.textContent = name;
      item.append(link);
      return item;
    }),
  );
}

async function signIn() {
  const reason = await exchange();
  const { ok } = await fetch("/ping");
  if (!ok) explain(reason);
  else if (part("signed-in")) await listSites();
  return ok;
}

export const signedIn = signIn();
