/**
 * What we mend in kafkajs 2.2.4. Its producer, consumer and cluster are not used, so their defects need no patch; its admin client and its SASL are, and
 * what follows concerns them. Each patch has a test that fails without it.
 */
import { KafkaClientError } from './contract.ts'
import { kafkajsErrors, kafkajsVersion, requestQueueClass } from './internals.ts'
import { knownCodes } from './protocol-error.ts'
import { registerZstd } from './zstd.ts'

const READ_IN = '2.2.4'
let patched = false

/** To be called before the first client is made; again does nothing. @throws {KafkaClientError} `REFUSED` for any other version than 2.2.4 */
export function patchKafkajs(version: string = kafkajsVersion()): void {
  if (version !== READ_IN) {
    throw new KafkaClientError('REFUSED', `kafkajs ${READ_IN} is needed, its internals are used; found was ${version}`)
  }
  if (patched) return
  patched = true
  stopIdleTimer()
  addErrorCodes()
  registerZstd()
}

/** Every answer starts a timer of at most 1 ms that starts itself again for ever, whether or not a request waits: 2 to 3 % of a core for each connection. */
function stopIdleTimer(): void {
  const { prototype } = requestQueueClass()
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function scheduleIfAnyWaits() {
    if (this.pending.length > 0) schedule.call(this)
  }
}

/** Its table ends at 88: later refusals would be "unknown", and none of them retried. */
function addErrorCodes(): void {
  const { errorCodes } = kafkajsErrors()
  const known = new Set(errorCodes.map(({ code }) => code))
  for (const { code, name, retriable } of knownCodes()) {
    if (!known.has(code)) errorCodes.push({ type: name, code, retriable, message: `The broker answered ${name}` })
  }
}
