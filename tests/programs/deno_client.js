// Asks `openssl s_server -www` for a page three times: in a full handshake, resumed, and with a
// certificate. Arguments: URL, certificate, its key.
const [url, ...files] = Deno.args;
const [cert, key] = files.map((path) => Deno.readTextFileSync(path));

async function ask(client, ...words) {
  const page = await (await fetch(url, { client })).text();
  const missing = words.find((word) => !page.includes(word));
  if (missing) throw new Error(`no ${missing}: ${page}`);
}

const client = Deno.createHttpClient({});
await ask(client, "\nNew, ", "no client certificate");
await ask(client, "\nReused, ");
await ask(Deno.createHttpClient({ cert, key }), "\nNew, ", "\nClient certificate");
