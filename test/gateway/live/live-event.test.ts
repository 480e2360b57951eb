import { describe, expect, it } from 'vitest'
import { liveEventOf } from '../../../gateway/live/live-event.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { LogRecord } from '../../../topology/log/port.ts'
import { accepted, completed, skipped, someRun } from './support.ts'

function read(message: BeamlineRecord, decoded: boolean): LogRecord {
  const place = { topic: 'events', partition: 1, key: null, headers: null, handled: false } as const
  const value = encodeRecord(message)
  return { ...place, value, message: decoded ? message : null, offset: 7, timestampMs: 5 }
}

describe('an event of the stream', () => {
  const runId = someRun(1)
  it.each([accepted(runId, 'greet'), skipped(runId, 'first'), completed(runId)])(
    'of $kind has the same text, made at once or of the bytes that were kept',
    (message) => {
      const atOnce = liveEventOf(read(message, true))!.json
      expect(JSON.parse(atOnce)).toMatchObject({ kind: message.kind, run_id: runId, position: 'events/1/7' })
      for (const decoded of [true, false]) {
        const event = liveEventOf(read(message, decoded))!
        event.keepBytes()
        expect(event.json).toBe(atOnce)
      }
    },
  )

  it('is none for a record that is no event', () => {
    const command = { kind: 'ControlTick' }
    expect(
      liveEventOf({ ...read(skipped(runId, 'a'), true), message: command as unknown as BeamlineRecord }),
    ).toBeNull()
    expect(liveEventOf({ ...read(skipped(runId, 'a'), false), value: Buffer.from('no record') })).toBeNull()
  })
})
