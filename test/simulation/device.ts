/** A device whose kernels come and go, so that what workers say of it is about while tasks and workers come and go. */
import type { DeviceShown, DeviceSource } from '../../processors/execute/device.ts'
import type { Environment } from '../../topology/environment.ts'
import type { Prng } from './prng.ts'

/** The kernel that simulated steps name. */
export const SIMULATED_KERNEL = 'simulated'
const CLOSED: DeviceShown = { backend: null, adapter: null, arrayMaxBytes: null, why: 'not open', warm: [] }
const COLD: DeviceShown = { ...CLOSED, backend: 'simulated', why: 'simulated' }
const WARM: DeviceShown = { ...COLD, warm: [SIMULATED_KERNEL] }
const CHANGES = 20
const EVERY_MS = 3_000

export function simulatedDevice(environment: Environment, random: Prng): DeviceSource {
  let shown = CLOSED
  let told: () => void = () => {}
  let left = CHANGES
  const change = (): void => {
    shown = random.pick([CLOSED, COLD, WARM, WARM])
    told()
    if (--left > 0) environment.after(random.int(EVERY_MS), change)
  }
  environment.after(random.int(EVERY_MS), change)
  return {
    get shown() {
      return shown
    },
    onChange: (listener) => {
      told = listener
    },
  }
}
