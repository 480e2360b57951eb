/** The k6 scripts are read by the k6 they are for. Without Go to build it they are skipped, but not where `CI` is set. */
import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildK6, NoK6 } from '../../../load/k6/build.ts'
import { loadTests } from '../../../load/k6/run.ts'

const SCRIPTS = resolve(import.meta.dirname, '../../../load/k6/scripts')
const FIRST_BUILD_MS = 15 * 60_000

const run = promisify(execFile)
let k6: string | null = null

beforeAll(async () => {
  try {
    k6 = await buildK6()
  } catch (error) {
    if (!(error instanceof NoK6) || process.env['CI'] === 'true') throw error
    console.warn(`SKIPPED, the k6 scripts are not checked: ${error.message}`)
  }
}, FIRST_BUILD_MS)

interface Options {
  readonly scenarios: { readonly [name: string]: { readonly exec: string | null } }
  readonly thresholds: { readonly [metric: string]: readonly unknown[] }
}

async function inspect(test: string, ...settings: string[]): Promise<Options> {
  const environment = settings.flatMap((setting) => ['-e', setting])
  const { stdout } = await run(k6!, ['inspect', ...environment, join(SCRIPTS, `${test}.js`)])
  return JSON.parse(stdout) as Options
}

describe('k6', () => {
  it('has the modules and the output that the load tests need', async ({ skip }) => {
    if (k6 === null) return skip()
    const { stdout } = await run(k6, ['version'])
    expect(stdout).toMatch(/v1\.8\.1/)
    for (const name of ['k6/x/kafka [js]', 'k6/x/nats [js]', 'k6/x/sse [js]', 'series [output]']) {
      expect(stdout).toContain(name)
    }
  })

  it.for(loadTests())('reads %s, which ends with a check of the account', async (test, { skip }) => {
    if (k6 === null) return skip()
    const { scenarios, thresholds } = await inspect(test)
    expect(Object.keys(scenarios).length).toBeGreaterThan(0)
    expect(thresholds['beamline_unaccounted']?.length).toBe(1)
    expect(thresholds['beamline_open']?.length).toBe(1)
  })

  it('takes settings', async ({ skip }) => {
    if (k6 === null) return skip()
    expect(Object.keys((await inspect('load', 'SIZES=small')).scenarios)).toEqual(['small', 'warm_up'])
    expect(Object.keys((await inspect('load', 'SIZES=small', 'WARM_UP=0s')).scenarios)).toEqual(['small'])
  })

  it.for([
    ['load', 'SIZES=huge', /SIZES has 'huge'; expected some of small, large/],
    ['load', 'RATE=fast', /RATE is 'fast'; expected a number/],
    ['soak', 'DURATION=long', /DURATION is 'long'; expected a duration such as 30s or 2m/],
  ] as const)('refuses %s with %s', async ([test, setting, message], { skip }) => {
    if (k6 === null) return skip()
    await expect(inspect(test, setting)).rejects.toThrow(message)
  })
})
