import { describe, expect, test } from 'vitest'
import type { DeviceShown, DeviceSource } from '../../../processors/execute/device.ts'
import { LogError } from '../../../topology/log/port.ts'
import { block, startBench } from './support.ts'

const echo = block('echo', (_context, input) => input)
const CLOSED: DeviceShown = { backend: null, adapter: null, arrayMaxBytes: null, why: 'no device is open', warm: [] }
const OPEN: DeviceShown = { ...CLOSED, backend: 'cpu', why: 'cpu computes' }

class TestDevice implements DeviceSource {
  shown = CLOSED
  #listener: () => void = () => undefined
  onChange(listener: () => void): void {
    this.#listener = listener
  }
  show(shown: DeviceShown): void {
    this.shown = shown
    this.#listener()
  }
}

async function bench(partitions = 2) {
  const device = new TestDevice()
  const started = await startBench([echo], { partitions, device })
  /** What task 0 was told, in order. */
  const told = () =>
    started.log.appended
      .filter((record) => record.partition === 0)
      .map(({ message }) => (message?.kind === 'WorkerDevice' ? message.warm.join() || message.backend : message?.kind))
  return { ...started, device, told }
}

describe('the device of an executor', () => {
  test('is told to every task, after the partitions that it took', async () => {
    const { log, told } = await bench()
    expect(told()).toEqual(['WorkerChanged', 'WorkerChanged', null])
    expect(log.appended.at(-1)).toMatchObject({
      topic: 'route',
      partition: 1,
      key: 'io/w1',
      message: { kind: 'WorkerDevice', pool: 'io', workerId: 'w1', ...CLOSED },
    })
  })

  test('is told at once when it changes, and then once a second', async () => {
    const { device, environment, told, log } = await bench()
    log.appended.length = 0
    device.show(OPEN)
    await environment.advance()
    expect(told()).toEqual(['cpu'])
    for (const warm of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      device.show({ ...OPEN, warm })
      await environment.advance(100)
    }
    expect(told()).toEqual(['cpu'])
    await environment.advance(1_000)
    expect(told()).toEqual(['cpu', 'a,b,c'])
    await environment.advance(60_000)
    expect(told()).toEqual(['cpu', 'a,b,c'])
    expect(environment.timers).toBe(0)
  })

  test('is told again when a partition comes back, and when the log did not take it', async () => {
    const { device, environment, told, log } = await bench(1)
    await log.revoke(0)
    await environment.advance()
    log.appended.length = 0
    log.assign(0)
    await environment.advance()
    expect(told()).toEqual(['WorkerChanged', null])
    let faults = 3
    log.appendFault = () => (faults-- > 0 ? new LogError('LOG_FULL', 'full', { retriable: true }) : null)
    device.show(OPEN)
    await environment.advance(5_000)
    expect(told()).toEqual(['WorkerChanged', null, 'cpu'])
  })

  test('is not told any more once the executor has stopped', async () => {
    const { device, environment, executor, log } = await bench()
    device.show(OPEN)
    executor.kill()
    device.show({ ...OPEN, warm: ['a'] })
    log.appended.length = 0
    await environment.advance(10_000)
    expect(log.appended).toEqual([])
    expect(environment.timers).toBe(0)
  })
})
