/** All examples, in the order in which they are listed. */
import { documentQuestions } from './document-questions/document-questions.ts'
import { enrichOrders } from './enrich-orders/enrich-orders.ts'
import type { Example } from './example.ts'
import { imageBatch } from './image-batch/image-batch.ts'
import { jsonCleanUp } from './json-clean-up/json-clean-up.ts'
import { nightlyReport } from './nightly-report/nightly-report.ts'

export const EXAMPLES: readonly Example<unknown>[] = [
  enrichOrders,
  nightlyReport,
  documentQuestions,
  imageBatch,
  jsonCleanUp,
]
