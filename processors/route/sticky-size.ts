import { rowCount } from '../row-count.ts'
import type { StickyRow } from './rows.ts'

/** How many sticky keys are remembered. */
export const STICKY_SIZE = rowCount<StickyRow>('sticky-size')
