/** Every planted bug. */
import * as log from './log-plants.ts'
import type { Plant } from './plant.ts'
import * as process from './process-plants.ts'
import * as processor from './processor-plants.ts'

export const PLANTS: readonly Plant[] = [...Object.values(log), ...Object.values(process), ...Object.values(processor)]
