/**
 * Restate, one node with its defaults. Variant `run`: three journaled `ctx.run` steps in one handler. Variant `call`: three durable calls to another
 * service, the nearest to dispatching each step to a pool of workers.
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import * as restate from '@restatedev/restate-sdk'
import { Pool } from 'undici'
import { freePort } from '../process/free-ports.ts'
import { eventually, measurePeer, peerOptions } from './peer.ts'

const options = peerOptions()
const variant = options.variant === 'call' ? 'call' : 'run'

await measurePeer(`restate-${variant}`, options, async (place) => {
  const [node, ingress, admin, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()])
  place.server(serverBinary(), ['--base-dir', place.folder, '--no-logo'], {
    env: {
      ...process.env,
      RUST_LOG: 'error',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_IP: '127.0.0.1',
      RESTATE_BIND_PORT: String(node),
      RESTATE_INGRESS__BIND_PORT: String(ingress),
      RESTATE_ADMIN__BIND_PORT: String(admin),
    },
  })
  const block = restate.service({ name: 'block', handlers: { echo: async (_context, input: object) => input } })
  const flow = restate.service({
    name: 'flow',
    handlers: {
      run: async (context: restate.Context, input: object) => {
        let value = input
        for (let step = 0; step < 3; step++) value = await context.run(`step-${step}`, () => value)
        return value
      },
      call: async (context: restate.Context, input: object) => {
        let value = input
        for (let step = 0; step < 3; step++) value = await context.serviceClient(block).echo(value)
        return value
      },
    },
  })
  await restate.serve({ services: [block, flow], port: service, logger: () => {} })
  await eventually('restate-server', async () => {
    const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uri: `http://127.0.0.1:${service}` }),
    })
    if (!response.ok) throw new Error(`registration answered ${response.status}: ${await response.text()}`)
  })

  const client = new Pool(`http://127.0.0.1:${ingress}`, { connections: options.inFlight })
  let nextRun = 0
  return {
    async run(input) {
      const response = await client.request({
        path: `/flow/${variant}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': `run-${nextRun++}` },
        body: JSON.stringify(input),
      })
      const body = await response.body.text()
      if (response.statusCode !== 200) throw new Error(`restate answered ${response.statusCode}: ${body}`)
    },
    stop: () => client.close(),
  }
})
// The SDK's server has no way to be closed.
process.exit(0)

function serverBinary(): string {
  const platform = `@restatedev/restate-server-${process.platform}-${process.arch}`
  const require = createRequire(import.meta.url)
  const binary = join(dirname(require.resolve(`${platform}/package.json`)), 'bin', 'restate-server')
  if (!existsSync(binary)) throw new Error(`${platform} has no bin/restate-server`)
  return binary
}
