/** Where nothing is traced, nothing of OpenTelemetry is loaded: it costs a quarter of a second of the start. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'beamline-loading-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ROOT = new URL('../../../', import.meta.url).href
/** What a process has loaded when it is ready, of OpenTelemetry; `api` is left out, which the metrics load. */
const SCRIPT = `
import { registerHooks } from 'node:module'
const loaded = new Set()
registerHooks({
  load(url, context, next) {
    const name = /@opentelemetry\\/([\\w-]+)/.exec(url)?.[1]
    if (name !== undefined && name !== 'api') loaded.add(name)
    return next(url, context)
  },
})
const { configure } = await import('${ROOT}wiring/configure.ts')
const { loadConfig } = await import('${ROOT}gateway/config/load-config.ts')
const { startBeamline } = await import('${ROOT}main.ts')
const variables = { ...process.env, BEAMLINE_DATA: process.argv[2], BEAMLINE_PORT: '0', BEAMLINE_EXAMPLES: 'false' }
const { config } = loadConfig({ file: null, variables, flags: [] })
const node = await startBeamline(configure(config, variables))
console.log(JSON.stringify([...loaded]))
await node.close()
`

async function loadedWith(name: string, variables: { readonly [name: string]: string }): Promise<string[]> {
  const script = join(folder, 'script.mjs')
  writeFileSync(script, SCRIPT)
  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...rest } = process.env
  const args = ['--no-warnings', script, join(folder, name)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...rest, ...variables } })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as string[]
}

it('without a collector, or with the SDK turned off', async () => {
  expect(await loadedWith('off', {})).toEqual([])
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'true' }
  expect(await loadedWith('disabled', variables)).toEqual([])
})

it('unlike with one', async () => {
  expect(await loadedWith('on', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })).toContain('sdk-node')
})
