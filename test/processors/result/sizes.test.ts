/** However much the steps of a run give, every record about it is small enough for a log. */
import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { type Scenario, scenario } from './scenario.ts'

const MIB = 1 << 20
const SMALLEST_LOG_LIMIT = 8 * MIB
const sources = Array.from({ length: 9 }, (_, i) => `s${i}`)
const echo = (id: string, more: object = {}) => ({ id, type: 'echo', with: {}, ...more })
const all = Object.fromEntries(sources.map((id) => [id, `\${steps.${id}.output}`]))

function finishSources(s: Scenario): void {
  for (const id of sources) s.finish(id, 'x'.repeat(MIB - 2))
}

function largest(s: Scenario): number {
  return Math.max(...s.emits.map(({ record }) => encodeRecord(record).length))
}

describe('sizes', () => {
  it('fails a step whose rendered input is too large, and leaves a letter that fits', () => {
    const steps = [...sources.map((id) => echo(id)), echo('join', { after: sources, with: all })]
    const s = scenario({ flow: 'test', steps })
    finishSources(s)
    expect(s.records('RunFailed')[0]).toMatchObject({ failedStep: 'join', error: { code: 'TEMPLATE_TOO_LARGE' } })
    expect(largest(s)).toBeLessThan(SMALLEST_LOG_LIMIT)
    // a replay runs the steps again that had no room
    expect(s.records('DeadLetter')[0]!.run!.completed.map(({ stepId }) => stepId)).toEqual(['s0', 's1', 's2', 's3'])
  })

  for (const [what, output] of [
    ['a template', all],
    ['the outputs of its last steps', undefined],
  ] as const) {
    it(`fails a run whose output, ${what}, is too large`, () => {
      const s = scenario({ flow: 'test', steps: sources.map((id) => echo(id)), ...(output && { output }) })
      finishSources(s)
      expect(s.records('RunFailed')[0]).toMatchObject({ failedStep: null, error: { code: 'OUTPUT_EXPRESSION' } })
      expect(largest(s)).toBeLessThan(SMALLEST_LOG_LIMIT)
    })
  }
})
