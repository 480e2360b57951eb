/** The program of the device thread. */
import { serve } from '../workers/serve.ts'
import { type CosineTopKInput, cosineTopK } from './cosine-top-k.ts'
import { openDevice } from './device.ts'

const run = cosineTopK(openDevice())

serve((payload) => run(payload as unknown as CosineTopKInput), 'KERNEL_FAILED')
