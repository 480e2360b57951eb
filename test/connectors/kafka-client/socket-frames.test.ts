import { describe, expect, it } from 'vitest'
import { FrameReader } from '../../../connectors/kafka-client/socket-frames.ts'
import { fc } from '../../support/fast-check.ts'

function reader() {
  const frames: Buffer[] = []
  const made = new FrameReader()
  let nonsense = 0
  made.onFrame = (frame) => frames.push(frame)
  made.onNonsense = () => nonsense++
  return { made, frames, nonsense: () => nonsense }
}

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

describe('frames', () => {
  it('are put together from pieces of any size, in memory that is used again', () => {
    const bodies = fc.array(fc.uint8Array({ minLength: 4, maxLength: 60 }), { maxLength: 8 })
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (sent, sizes) => {
        const { made, frames } = reader()
        const stream = Buffer.concat(sent.map(framed))
        const used = Buffer.alloc(30)
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = Math.min(sizes[turn % sizes.length]!, stream.length - at)
          stream.copy(used, 0, at, at + length)
          made.take(used.subarray(0, length))
          at += length
        }
        expect(frames).toEqual(sent.map((body) => Buffer.from(body)))
      }),
    )
  })

  it.each([-1, 0, 3, 0x15030100])('are refused that would have %i bytes', (size) => {
    const { made, frames, nonsense } = reader()
    const bytes = Buffer.alloc(12)
    bytes.writeInt32BE(size)
    made.take(bytes)
    made.take(framed(Buffer.alloc(8)))
    expect([frames.length, nonsense()]).toEqual([0, 1])
  })

  it('are not handed out once it is closed', () => {
    const { made, frames } = reader()
    made.onFrame = (frame) => {
      frames.push(frame)
      made.close()
    }
    made.take(Buffer.concat([framed(Buffer.alloc(4)), framed(Buffer.alloc(5))]))
    expect(frames).toHaveLength(1)
  })
})
