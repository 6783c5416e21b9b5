/**
 * The way out of walls without a network, to some hosts alone: a proxy outside (HTTP CONNECT, and plain HTTP), on a socket that is shown behind the walls; and behind them a
 * port that leads to that socket, since programs know proxies by ports. RFC 9110, §9.3.6 and §7.2.
 */

import { mkdirSync, rmSync } from 'node:fs';
import {
  createServer as createHttpServer,
  request,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Duplex } from 'node:stream';

/** More at once wait to be accepted. */
const CONNECTIONS_MAX = 512;
const CONNECT_TIMEOUT_MS = 30_000;
/** So many hosts that were asked for in vain are named. */
const REFUSED_NAMED_MAX = 20;
/** What an entry without a port means: https and http. */
const PORTS: ReadonlySet<string> = new Set(['443', '80']);

export type Gateway = { readonly close: () => void };

/**
 * Opens the proxy. `hosts`: names, `*.name` for all below it, `name:port` for another port than 80 and 443. `say` gets a line for each host that was refused, once.
 */
export async function openGateway(
  socketPath: string,
  hosts: readonly string[],
  say: (line: string) => void,
): Promise<Gateway> {
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  const refused = new Set<string>();
  const mayReach = (host: string, port: string): boolean => {
    if (hosts.some((entry) => matches(entry, host.toLowerCase(), port))) return true;
    const name = `${host}:${port}`;
    if (!refused.has(name) && refused.size < REFUSED_NAMED_MAX) {
      refused.add(name);
      say(`phasr: not reached, since isolation.network does not list it: ${name}`);
    }
    return false;
  };
  const server = createHttpServer((incoming, answer) => forward(incoming, answer, mayReach));
  const open = new Set<Duplex>();
  server.maxConnections = CONNECTIONS_MAX;
  server.on('connect', (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    remember(open, client);
    const { host, port } = splitHost(incoming.url ?? '', '443');
    client.on('error', () => client.destroy());
    if (!mayReach(host, port)) return void client.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const target = connect({ host, port: Number(port), timeout: CONNECT_TIMEOUT_MS });
    remember(open, target);
    target.once('connect', () => {
      target.setTimeout(0);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) target.write(head);
      join(client, target);
    });
    target.once('timeout', () => target.destroy(new Error('no answer')));
    target.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  await listen(server, { path: socketPath });
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
      for (const one of open) one.destroy();
      rmSync(dirname(socketPath), { recursive: true, force: true });
    },
  };
}

/** Opens the port behind the walls. Nobody but what is behind them reaches it: they have a network of their own. */
export async function openBridge(socketPath: string, port: number): Promise<Gateway> {
  const open = new Set<Duplex>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const out = connect({ path: socketPath, allowHalfOpen: true });
    remember(open, client);
    remember(open, out);
    join(client, out);
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, { host: '127.0.0.1', port });
  return {
    close: () => {
      server.close();
      for (const one of open) one.destroy();
    },
  };
}

/** An open one would keep the process from ending with its command. */
function remember(open: Set<Duplex>, one: Duplex): void {
  open.add(one);
  one.once('close', () => open.delete(one));
}

function listen(
  server: Server,
  where: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => resolve());
  });
}

function join(one: Duplex, other: Socket): void {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other);
  other.pipe(one);
}

/** A plain request: its first line has the whole address. */
function forward(
  incoming: IncomingMessage,
  answer: ServerResponse,
  mayReach: (host: string, port: string) => boolean,
): void {
  const text = incoming.url ?? '';
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address?.protocol !== 'http:') return void answer.writeHead(400).end();
  const port = address.port === '' ? '80' : address.port;
  if (!mayReach(address.hostname, port)) return void answer.writeHead(403).end();
  const { 'proxy-connection': _, 'proxy-authorization': __, ...headers } = incoming.headers;
  const outgoing = request(
    {
      host: address.hostname,
      port,
      method: incoming.method,
      path: address.pathname + address.search,
      headers,
      timeout: CONNECT_TIMEOUT_MS,
    },
    (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    },
  );
  outgoing.once('timeout', () => outgoing.destroy(new Error('no answer')));
  outgoing.once('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
  incoming.pipe(outgoing);
}

function splitHost(text: string, port: string): { readonly host: string; readonly port: string } {
  const [, host = '', given] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: given ?? port };
}

function matches(entry: string, host: string, port: string): boolean {
  const wanted = splitHost(entry.toLowerCase(), '');
  const isPort = wanted.port === '' ? PORTS.has(port) : wanted.port === port;
  if (!isPort) return false;
  return wanted.host.startsWith('*.') ? host.endsWith(wanted.host.slice(1)) : wanted.host === host;
}
