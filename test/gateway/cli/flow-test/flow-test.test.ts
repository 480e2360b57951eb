import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dryRunner } from '../../../../wiring/dry-run.ts'
import { fenced, read } from '../../../docs/documents.ts'
import { type Ran, runBeamline } from '../support.ts'

const folder = mkdtempSync(join(tmpdir(), 'beamline-flow-test-'))
const dry = dryRunner(null, new AbortController().signal)
afterAll(async () => {
  await dry.close()
  rmSync(folder, { recursive: true, force: true })
})

const DOCUMENT = read('docs/flow-tests.md')
const [FLOW] = fenced(DOCUMENT, 'yaml flow')

function testing(cases: string, ...args: string[]): Promise<Ran> {
  writeFileSync(join(folder, 'order.yaml'), FLOW!)
  const file = join(folder, 'order.test.yaml')
  writeFileSync(file, cases)
  return runBeamline(['flow', 'test', file, ...args], { dryRun: dry.run })
}

const PRICED = 'price: { output: { body: { amount: 3 } } }'
const one = (fields: string): string => `flow: order.yaml\ncases:\n  - name: one\n    input: { sku: a }\n${fields}`

it('what the document shows is as it says', async () => {
  const [cases] = fenced(DOCUMENT, 'yaml test')
  const { code, out, err } = await testing(cases!)
  expect({ code, err }, out).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/✓ paid at the second attempt {2}completed after 1h 0m\n/)
  expect(out).toMatch(/3 cases, all as expected\n$/)
})

it('a step with effects that is reached without a mock is named', async () => {
  const { code, out } = await testing(one(`    mocks: { ${PRICED} }\n    expect: completed\n`))
  expect(code).toBe(1)
  expect(out).toContain(`step 'charge' (http) has effects outside: add mocks.charge`)
  expect(out).toContain(`${join(folder, 'order.test.yaml')}:3`)
})

it.each([
  ['expect: failed', /the run is completed; expected failed/],
  [
    'expect: { output: { text: thanks, amount: 4 } }',
    /output\.text is "thanks for a"; expected "thanks"\n.*output\.amount is 3; expected 4/,
  ],
  ['expect: { output: { text: thanks for a, amount: 3, more: 1 } }', /output\.more is missing; expected 1/],
  ['expect: { within: 1m }', /it took \d+ ms; expected at most 60000/],
  ['expect: { at_least: 2h }', /expected at least 7200000/],
  ['expect: { steps: { charge: failed } }', /step 'charge' is completed; expected failed/],
  ['expect: { steps: { charge: { attempts: 2 } } }', /step 'charge' took 1 attempt; expected 2/],
  ['expect: { steps: { charge: { input: { method: POST } } } }', /step 'charge' input\.url is "https:/],
  ['expect: { steps: { charge: { error: HTTP_ERROR } } }', /step 'charge' error is missing; expected HTTP_ERROR/],
  ['expect: { steps: { chrage: completed } }', /there is no step 'chrage'; the flow has price, amount, charge/],
  ['expect: { error: HTTP_ERROR }', /the run is completed; expected failed\n.*error is missing/],
])('%s is told apart', async (expectation, message) => {
  const mocks = `    mocks: { ${PRICED}, charge: { output: {} } }\n`
  const { code, out } = await testing(one(`${mocks}    ${expectation}\n`))
  expect(code).toBe(1)
  expect(out).toMatch(message)
  expect(out).toMatch(/1 cases, 1 not as expected\n$/)
})

it('attempts get their mocks in order, and retries wait in virtual time only', async () => {
  const charge = 'charge: [{ error: { code: HTTP_ERROR, class: transient, retry_after: 10m } }, { output: {} }]'
  const expectation = '{ at_least: 70m, within: 71m, steps: { charge: { attempts: 2, status: completed } } }'
  const before = performance.now()
  const { code, out } = await testing(one(`    mocks: { ${PRICED}, ${charge} }\n    expect: ${expectation}\n`))
  expect(code, out).toBe(0)
  expect(performance.now() - before).toBeLessThan(300_000)
})

it('the input of a mocked step is held to the schema of its block', async () => {
  const priced = 'price: { output: { body: { amount: { no: number } } } }, amount: { output: 1 }'
  const flow = FLOW!.replace('method: POST', 'method: 5')
  writeFileSync(join(folder, 'other.yaml'), flow)
  const text = one(`    mocks: { ${priced}, charge: { output: {} } }\n    expect: { error: INPUT_INVALID }\n`)
  expect(await testing(text.replace('order.yaml', 'other.yaml'))).toMatchObject({ code: 0 })
})

it('a run is cancelled when the case says so', async () => {
  const fields = `    cancel_after: 30m\n    mocks: { ${PRICED}, charge: { output: {} } }\n`
  const expectation = '    expect: { status: cancelled, within: 31m, steps: { cool-off: cancelled } }\n'
  expect(await testing(one(fields + expectation))).toMatchObject({ code: 0 })
})

it('the same case gives the same report, and --json has it', async () => {
  const text = one(
    `    mocks: { ${PRICED}, charge: [{ error: { code: X, class: transient } }, { output: 1 }] }\n    expect: completed\n`,
  )
  const [first, second] = [await testing(text, '--json'), await testing(text, '--json')]
  expect(first).toEqual(second)
  const { ok, files } = JSON.parse(first.out) as {
    ok: boolean
    files: { cases: { report: { durationMs: number } }[] }[]
  }
  expect(ok).toBe(true)
  expect(files[0]!.cases[0]!.report.durationMs).toBeGreaterThan(3_600_000)
})

it('--only chooses cases, --verbose shows steps, --quiet the names of what failed', async () => {
  const [cases] = fenced(DOCUMENT, 'yaml test')
  const only = await testing(cases!, '--only', 'refused', '--verbose')
  expect(only).toMatchObject({ code: 0, out: expect.stringMatching(/1 cases, all as expected/) })
  expect(await testing(cases!, '--only', 'nothing')).toMatchObject({ code: 2 })
  expect(await testing(one('    expect: completed\n'), '--quiet')).toMatchObject({ code: 1, out: 'one\n' })
})

it.each([
  ['cases: []\nflow: order.yaml\n', /there are 0 cases; expected 1 to 1000/],
  ['flow: order.yaml\ncases: {}\n', /2:8: cases: found a object; expected a list of cases/],
  ['flow: none.yaml\ncases:\n  - expect: completed\n', /none\.yaml: there is no such file/],
  [
    'flow: order.yaml\ncases:\n  - expct: completed\n',
    /3:\d+: cases\[0\]\.expct: unknown field 'expct' of a case.*expect/,
  ],
  ['flow: order.yaml\ncases:\n  - input: {}\n', /cases\[0\]: 'expect' is missing/],
  ['flow: order.yaml\ncases:\n  - expect: done\n', /found "done"; expected one of completed, failed/],
  [
    'flow: order.yaml\ncases:\n  - { expect: completed, mocks: { price: {} } }\n',
    /mocks\.price: expected either output or error/,
  ],
  ['flow: order.yaml\ncases:\n  - { expect: completed, mocks: { price: [] } }\n', /the list is empty/],
  [
    'flow: order.yaml\ncases:\n  - { expect: completed, mocks: { price: { output: 1, after: 5 } } }\n',
    /after: found 5; expected a length of time/,
  ],
  [
    'flow: order.yaml\ncases:\n  - { expect: completed, mocks: { price: { error: { class: bad } } } }\n',
    /'code' is missing/,
  ],
  ['flow: order.yaml\ncases:\n  - { expect: completed, at: noon }\n', /'noon' is no time/],
  ['flow: order\nsteps: []\n', /unknown field 'steps'.*\nA test file has `flow` \(a file\) and `cases`/],
  ['flow: [', /order\.test\.yaml:1/],
])('%j is refused with its place', async (text, message) => {
  const { code, err } = await testing(text)
  expect(code).toBe(1)
  expect(err).toMatch(message)
})
