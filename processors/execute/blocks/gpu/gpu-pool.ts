/**
 * Steps on their way to the device and back. Those of one kernel and compatible shapes gather for some milliseconds and go as one dispatch. A device that is lost is opened
 * again; what was under way goes once more, each step for itself, so that one that takes the device down does so alone.
 */
import { BlockError } from '../../block.ts'
import type { DeviceShown, DeviceSource } from '../../device.ts'
import type { BlockTools } from '../tools.ts'
import type { DeviceInfo } from './device/backend-names.ts'
import { DeviceHandle, type DeviceListener } from './device/device-handle.ts'
import type { DeviceMessage } from './device/protocol.ts'
import type { GpuSettings } from './gpu-settings.ts'
import type { Prepared } from './kernels/kernel-def.ts'
import { JOINED_ELEMENTS_MAX, JOINED_MAX } from './limits.ts'

interface Step {
  readonly kernel: string
  readonly prepared: Prepared<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  /** Dispatches that the device was lost in. */
  losses: number
  /** Nobody waits for it any more. */
  dropped: boolean
}

interface Group {
  readonly kernel: string
  readonly key: string
  readonly steps: Step[]
  elements: number
  readonly cancelTimer: () => void
}

interface Batch {
  readonly id: number
  readonly kernel: string
  readonly steps: readonly Step[]
}

const GATHER_MS = 2
/** One is computed while the next one travels. */
const IN_FLIGHT_MAX = 2
const LOSSES_MAX = 2
/** How long a dispatch that nobody waits for may go on. */
const STUCK_AFTER_MS = 100

const CLOSED: DeviceShown = { backend: null, adapter: null, arrayMaxBytes: null, why: 'no device is open', warm: [] }
/** Characters of what a driver says. */
const SAID_MAX = 500

export class GpuPool implements DeviceListener, DeviceSource {
  readonly #tools: BlockTools
  readonly #settings: GpuSettings
  readonly #heapMb: number
  readonly #groups = new Map<string, Group>()
  #ready: Batch[] = []
  readonly #inFlight = new Map<number, Batch>()
  #device: DeviceHandle | null = null
  #info: DeviceInfo | null = null
  #shown: DeviceShown = CLOSED
  #changed: () => void = () => undefined
  #nextId = 0
  #closed = false

  constructor(tools: BlockTools, settings: GpuSettings, heapMb: number) {
    this.#tools = tools
    this.#settings = settings
    this.#heapMb = heapMb
  }

  /** `null` until a device is open. */
  get info(): DeviceInfo | null {
    return this.#info
  }

  get shown(): DeviceShown {
    return this.#shown
  }

  onChange(listener: () => void): void {
    this.#changed = listener
  }

  /** The kernel's result. Rejects with the signal's reason if that is aborted, else with a {@link BlockError}. */
  run(kernel: string, prepared: Prepared<unknown>, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (signal.aborted || this.#closed) {
        reject(signal.aborted ? signal.reason : closedError())
        return
      }
      const onAbort = (): void => {
        this.#drop(step)
        reject(signal.reason)
      }
      const end = (): void => signal.removeEventListener('abort', onAbort)
      const step: Step = {
        kernel,
        prepared,
        resolve: (value) => {
          end()
          resolve(value)
        },
        reject: (error) => {
          end()
          reject(error)
        },
        losses: 0,
        dropped: false,
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#gather(step)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const group of this.#groups.values()) group.cancelTimer()
    const steps = [...this.#groups.values(), ...this.#ready, ...this.#inFlight.values()].flatMap((some) => some.steps)
    this.#groups.clear()
    this.#ready = []
    this.#inFlight.clear()
    for (const step of steps) step.reject(closedError())
    await this.#device?.close()
  }

  opened(info: DeviceInfo): void {
    this.#info = info
    const { backend, adapter, arrayMaxBytes, why } = info
    this.#show({
      backend,
      adapter: adapter?.slice(0, SAID_MAX) ?? null,
      arrayMaxBytes,
      why: why.slice(0, SAID_MAX),
      warm: [],
    })
    this.#settings.observer?.opened(info)
  }

  answered({ id, results, warm, durationMs }: DeviceMessage & { readonly kind: 'results' }): void {
    const batch = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    if (warm.length !== this.#shown.warm.length || warm.some((name) => !this.#shown.warm.includes(name)))
      this.#show({ ...this.#shown, warm: [...warm].sort() })
    if (batch !== undefined) {
      this.#settings.observer?.dispatched(batch.kernel, batch.steps.length, durationMs)
      for (const [index, step] of batch.steps.entries()) {
        const result = results[index]!
        if (result.kind === 'done') step.resolve(result.value)
        else step.reject(new BlockError(result.code, result.message))
      }
    }
    this.#dispatch()
  }

  ended(reason: string): void {
    this.#settings.observer?.lost(reason, this.#inFlight.size)
    this.#again((step) => {
      step.losses++
      if (step.losses < LOSSES_MAX) return true
      step.reject(new BlockError('DEVICE_LOST', `the device was lost ${LOSSES_MAX} times with this step: ${reason}`))
      return false
    })
  }

  #show(shown: DeviceShown): void {
    this.#shown = shown
    this.#changed()
  }

  #gather(step: Step): void {
    const { kernel, prepared } = step
    const key = `${kernel}/${prepared.key}`
    let group = this.#groups.get(key)
    if (group !== undefined && group.elements + prepared.elements > JOINED_ELEMENTS_MAX) {
      this.#release(key, group)
      group = undefined
    }
    if (group === undefined) {
      const made: Group = {
        kernel,
        key,
        steps: [],
        elements: 0,
        cancelTimer: this.#tools.after(this.#settings.gatherMs ?? GATHER_MS, () => this.#release(key, made)),
      }
      this.#groups.set(key, made)
      group = made
    }
    group.steps.push(step)
    group.elements += prepared.elements
    if (group.steps.length >= (this.#settings.joinedMax ?? JOINED_MAX) || group.elements >= JOINED_ELEMENTS_MAX)
      this.#release(key, group)
  }

  #release(key: string, group: Group): void {
    group.cancelTimer()
    if (this.#groups.get(key) === group) this.#groups.delete(key)
    if (group.steps.length === 0) return
    this.#ready.push({ id: this.#nextId++, kernel: group.kernel, steps: group.steps })
    this.#dispatch()
  }

  #dispatch(): void {
    while (this.#ready.length > 0 && this.#inFlight.size < IN_FLIGHT_MAX && !this.#closed) {
      const { id, kernel, steps } = this.#ready.shift()!
      const wanted = steps.filter((step) => !step.dropped)
      if (wanted.length === 0) continue
      this.#device ??= new DeviceHandle(this.#settings, this.#heapMb, this)
      this.#inFlight.set(id, { id, kernel, steps: wanted })
      this.#device.hold(true)
      this.#device.send({ id, kernel, items: wanted.map(({ prepared }) => prepared.item) })
    }
    if (this.#inFlight.size === 0) this.#device?.hold(false)
  }

  #drop(step: Step): void {
    step.dropped = true
    for (const group of this.#groups.values()) {
      const index = group.steps.indexOf(step)
      if (index < 0) continue
      group.steps.splice(index, 1)
      group.elements -= step.prepared.elements
      return
    }
    for (const batch of this.#inFlight.values()) {
      if (!batch.steps.every(({ dropped }) => dropped)) continue
      this.#tools.after(STUCK_AFTER_MS, () => {
        if (this.#inFlight.get(batch.id) === batch) this.#restart()
      })
    }
  }

  /** A kernel cannot be stopped; its process can. */
  #restart(): void {
    this.#device?.kill()
    this.#again(() => true)
  }

  /** Sends what was under way to another process, each step for itself. */
  #again(goesOn: (step: Step) => boolean): void {
    this.#device = null
    this.#info = null
    this.#show(CLOSED)
    const steps = [...this.#inFlight.values()].flatMap((batch) => batch.steps).filter((step) => !step.dropped)
    this.#inFlight.clear()
    const alone = steps.filter(goesOn).map((step) => ({ id: this.#nextId++, kernel: step.kernel, steps: [step] }))
    this.#ready = [...alone, ...this.#ready]
    this.#dispatch()
  }
}

function closedError(): Error {
  return new Error('the device pool is closed')
}
