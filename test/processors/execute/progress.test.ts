import { describe, expect, test } from 'vitest'
import { type FinishedRun, type Progress, ProgressTracker } from '../../../processors/execute/progress.ts'
import { decodeProgress, encodeProgress, PROGRESS_TEXT_MAX_BYTES } from '../../../topology/log/progress-text.ts'
import { fc } from '../../support/fast-check.ts'

const START: Progress = { next: 0, beyond: [] }

function trackerOf(
  offsets: readonly number[],
  finished: readonly number[],
  restored: Progress = START,
): ProgressTracker {
  const tracker = new ProgressTracker(restored)
  for (const offset of offsets) tracker.read(offset)
  for (const offset of finished) tracker.finish(offset)
  return tracker
}

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

describe('ProgressTracker', () => {
  test.each([
    ['nothing read', [], [], { next: 0, beyond: [] }],
    ['nothing finished', upTo(3), [], { next: 0, beyond: [] }],
    ['all finished', upTo(3), upTo(3), { next: 3, beyond: [] }],
    ['a hole at the start', upTo(4), [1, 2, 3], { next: 0, beyond: [[1, 4]] }],
    [
      'two holes',
      upTo(6),
      [0, 2, 3, 5],
      {
        next: 1,
        beyond: [
          [2, 4],
          [5, 6],
        ],
      },
    ],
    ['offsets the log skipped count as finished', [0, 5, 9], [5], { next: 0, beyond: [[1, 9]] }],
    ['finished before it is read', upTo(2), [0, 1, 7], { next: 2, beyond: [[7, 8]] }],
    ['finished just before it is read', upTo(2), [0, 1, 2], { next: 3, beyond: [] }],
  ] as const)('%s', (_name, offsets, finished, expected) => {
    expect(trackerOf(offsets, finished).snapshot()).toEqual(expected)
  })

  test('says of each record whether it is still to be done', () => {
    const tracker = new ProgressTracker({
      next: 2,
      beyond: [
        [3, 5],
        [7, 8],
      ],
    })
    tracker.finish(9)
    expect([2, 3, 4, 5, 6, 7, 8, 9, 10].map((offset) => tracker.read(offset))).toEqual([
      true,
      false,
      false,
      true,
      true,
      false,
      true,
      false,
      true,
    ])
  })

  test('keeps what was restored and not read yet', () => {
    const tracker = new ProgressTracker({
      next: 2,
      beyond: [
        [3, 5],
        [7, 8],
      ],
    })
    tracker.read(2)
    tracker.read(3)
    expect(tracker.snapshot()).toEqual({
      next: 2,
      beyond: [
        [3, 5],
        [7, 8],
      ],
    })
    tracker.finish(2)
    expect(tracker.snapshot()).toEqual({ next: 5, beyond: [[7, 8]] })
  })

  test('agrees with a model over restarts', () => {
    const history = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('read' as const), gap: fc.nat(2) }),
        fc.record({ kind: fc.constant('finish' as const), pick: fc.nat() }),
        fc.record({ kind: fc.constant('early' as const), ahead: fc.integer({ min: 0, max: 5 }) }),
        fc.record({ kind: fc.constant('restart' as const) }),
      ),
      { maxLength: 80 },
    )
    fc.assert(
      fc.property(history, (commands) => {
        const done = new Set<number>()
        let tracker = new ProgressTracker(START)
        let open: number[] = []
        let read = new Set<number>()
        for (const command of commands) {
          if (command.kind === 'read') {
            const offset = tracker.position + command.gap
            for (let skipped = tracker.position; skipped < offset; skipped++) done.add(skipped)
            expect(tracker.read(offset)).toBe(!done.has(offset))
            read.add(offset)
            if (!done.has(offset)) open.push(offset)
          } else if (command.kind === 'finish' && open.length > 0) {
            const [offset] = open.splice(command.pick % open.length, 1)
            tracker.finish(offset!)
            done.add(offset!)
          } else if (command.kind === 'early') {
            tracker.finish(tracker.position + command.ahead)
            done.add(tracker.position + command.ahead)
          } else if (command.kind === 'restart') {
            tracker = new ProgressTracker(tracker.snapshot())
            open = []
            read = new Set()
          }
          expect(isFinished(tracker.snapshot(), 200)).toEqual(upTo(200).map((offset) => done.has(offset)))
        }
      }),
    )
  })
})

function isFinished(progress: Progress, count: number): boolean[] {
  return upTo(count).map((o) => o < progress.next || progress.beyond.some(([from, to]) => from <= o && o < to))
}

const progresses = fc
  .tuple(
    fc.nat(1_000_000_000),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })), { maxLength: 2_000 }),
  )
  .map(([next, gaps]): Progress => {
    const beyond: FinishedRun[] = []
    let end = next
    for (const [gap, length] of gaps) {
      beyond.push([end + gap, end + gap + length])
      end += gap + length
    }
    return { next, beyond }
  })

describe('progress text', () => {
  test('is short and readable', () => {
    const progress: Progress = { next: 1_000_000, beyond: [[1_000_003, 1_000_100]] }
    expect(encodeProgress(progress)).toBe('1;lfls;3.2p')
    expect(decodeProgress('1;lfls;3.2p')).toEqual(progress)
  })

  test('stays below the limit and leaves out the farthest runs only', () => {
    fc.assert(
      fc.property(progresses, (progress) => {
        const text = encodeProgress(progress)
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(PROGRESS_TEXT_MAX_BYTES)
        const decoded = decodeProgress(text)
        expect(decoded.next).toBe(progress.next)
        expect(decoded.beyond).toEqual(progress.beyond.slice(0, decoded.beyond.length))
        if (progress.beyond.length < 400) expect(decoded).toEqual(progress)
      }),
      { numRuns: 50 },
    )
  })

  test.each([
    '',
    '1',
    '2;5',
    '1;',
    '1;-3',
    '1;5;3',
    '1;5;3.',
    '1;5;3.2.1',
    '1;5;0.2',
    '1;5;2.0',
    '1;zzzzzzzzzzz;1.1',
    'x',
  ])('refuses %j and says why', (text) => {
    expect(() => decodeProgress(text)).toThrow(/progress text/)
  })
})
