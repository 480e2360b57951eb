import { describe, expect, it } from 'vitest'
import { clean, counted, type Look, lengthText, lookOf, table } from '../../../gateway/cli/look.ts'
import type { RunEvent } from '../../../gateway/cli/run-events.ts'
import { apply, newRunState, picture, placesOf } from '../../../gateway/cli/run-picture.ts'
import { compileStored } from '../../../schemas/flow/compile.ts'
import { toJsonText } from '../../../schemas/json.ts'

const output = (isTTY: boolean, columns?: number) => ({
  write: () => {},
  isTTY,
  ...(columns === undefined ? {} : { columns }),
})
const plain = (width: number): Look => ({ colour: false, live: true, width: () => width })

it.each([
  ['a terminal', output(true, 100), {}, { colour: true, live: true, width: 100 }],
  ['a pipe', output(false), {}, { colour: false, live: false, width: Number.POSITIVE_INFINITY }],
  ['NO_COLOR', output(true, 100), { NO_COLOR: '1' }, { colour: false, live: true, width: 100 }],
  ['an empty NO_COLOR', output(true, 100), { NO_COLOR: '' }, { colour: true, live: true, width: 100 }],
  [
    'FORCE_COLOR in a pipe',
    output(false),
    { FORCE_COLOR: '1' },
    { colour: true, live: false, width: Number.POSITIVE_INFINITY },
  ],
  ['both', output(true, 9), { FORCE_COLOR: '1', NO_COLOR: '1' }, { colour: false, live: true, width: 9 }],
  ['a dumb terminal', output(true, 70), { TERM: 'dumb' }, { colour: false, live: false, width: 70 }],
  ['a terminal of no size', output(true, 0), {}, { colour: true, live: true, width: 80 }],
])('%s', (_name, stdout, variables, expected) => {
  const look = lookOf(stdout, variables)
  expect({ ...look, width: look.width() }).toEqual(expected)
})

it('text of others cannot command the terminal', () => {
  expect(clean('a\u001b[2Jb\r\nc\u202ed\u009b1m')).toBe('a\\u001b[2Jb\\u000d\\nc\\u202ed\\u009b1m')
  expect(table(plain(80), [['x\u001b]0;title\u0007', 1]])).toBe('x\\u001b]0;title\\u0007  1')
})

it('columns are aligned, and lines end where the terminal does', () => {
  const rows = [
    ['a', ['failed', 'red'], 'a long message'],
    ['bcd', ['ok', null], null],
  ] as const
  expect(table(plain(80), rows, ['id', 'status'])).toBe('id   status\na    failed  a long message\nbcd  ok      -')
  expect(table(plain(16), rows)).toBe('a    failed  a …\nbcd  ok      -')
  expect(table({ ...plain(80), colour: true }, [[['x', 'red'], 'y']])).toBe('\u001b[31mx\u001b[0m  y')
})

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1_234, '1.2 s'],
  [200_000, '3m 20s'],
  [7_500_000, '2h 5m'],
  [2_595_600_000, '30d 1h'],
])('%i ms is %s', (ms, text) => {
  expect(lengthText(ms)).toBe(text)
})

describe('the picture of a run', () => {
  const step = (id: string, ...after: string[]) => ({ id, type: 'echo', ...(after.length === 0 ? {} : { after }) })
  const flow = compileStored(
    'f',
    toJsonText({ flow: 'f', steps: [step('a'), step('b', 'a'), step('c', 'a'), step('d', 'b', 'c')] }),
  )
  const event = (kind: string, at_ms: number, fields: object = {}) =>
    ({ kind, at_ms, ...fields }) as unknown as RunEvent

  it('has each step once, below its deepest dependency, with the others named', () => {
    expect(placesOf(flow)).toEqual([
      { id: 'a', branch: '', also: [] },
      { id: 'b', branch: '├─', also: [] },
      { id: 'd', branch: '│ └─', also: ['c'] },
      { id: 'c', branch: '└─', also: [] },
    ])
  })

  it('tells what each step does now, and leaves out finished ones first where there is no room', () => {
    const state = newRunState('id', 'f v1')
    for (const one of [
      event('RunAccepted', 1_000),
      event('StepStarted', 1_000, { step_id: 'a', attempt: 1 }),
      event('StepCompleted', 1_500, { step_id: 'a', attempt: 1 }),
      event('StepStarted', 1_500, { step_id: 'b', attempt: 1 }),
      event('StepRetrying', 2_000, { step_id: 'b', attempt: 2, error: { code: 'X', message: 'bad\u001b[2J' } }),
    ]) {
      apply(state, one)
    }
    expect(picture(plain(80), state, placesOf(flow), 3_000, 24).map((line) => line.trimEnd())).toEqual([
      'f v1  id  running  2.0 s',
      '✓ a      completed  500 ms',
      '├─↻ b    retrying   attempt 2  1.0 s  X: bad\\u001b[2J',
      '│ └─· d  pending    (also after c)',
      '└─· c    pending',
    ])
    const small = picture(plain(80), state, placesOf(flow), 3_000, 4)
    expect(small).toHaveLength(3)
    expect(small[1]).toContain('retrying')
    expect(small[2]).toBe('… and 3 more steps')
  })
})

it.each([
  [0, '0 letters'],
  [1, '1 letter'],
  [2, '2 letters'],
])('%i of them are %s', (count, text) => {
  expect(counted(count, 'letter')).toBe(text)
})
