/** All routes, by the names that clients know them by. */
import * as olderDecide from '../older/api-decide.ts'
import * as olderMessages from '../older/api-messages.ts'
import { NOT_BUILT } from '../older/api-not-built.ts'
import * as olderRegistry from '../older/api-registry.ts'
import * as blobs from './blobs.ts'
import * as blocks from './blocks.ts'
import * as bulk from './bulk-operations.ts'
import * as deadLetters from './dead-letters.ts'
import * as flows from './flows.ts'
import * as runs from './runs.ts'
import * as status from './status.ts'
import * as tenants from './tenants.ts'
import * as topics from './topics.ts'
import * as workers from './workers.ts'

export const API = {
  submitRun: runs.submitRun,
  submitRuns: runs.submitRuns,
  listRuns: runs.listRuns,
  countRuns: runs.countRuns,
  getRun: runs.getRun,
  runEvents: runs.runEvents,
  runTimeline: runs.runTimeline,
  cancelRun: runs.cancelRun,
  retryRun: runs.retryRun,
  rerunRun: runs.rerunRun,
  publishFlow: flows.publishFlow,
  checkFlow: flows.checkFlow,
  validateFlow: flows.validateFlow,
  listFlows: flows.listFlows,
  getFlow: flows.getFlow,
  listFlowVersions: flows.listFlowVersions,
  getFlowVersion: flows.getFlowVersion,
  diffFlow: flows.diffFlow,
  deprecateFlow: flows.deprecateFlow,
  letterGroups: deadLetters.letterGroups,
  listLetters: deadLetters.listLetters,
  getLetter: deadLetters.getLetter,
  planReplay: deadLetters.planReplay,
  replayLetters: deadLetters.replayLetters,
  discardLetters: deadLetters.discardLetters,
  startOperation: bulk.startOperation,
  listOperations: bulk.listOperations,
  getOperation: bulk.getOperation,
  operationItems: bulk.operationItems,
  stopOperation: bulk.stopOperation,
  listTopics: topics.listTopics,
  readTopic: topics.readTopic,
  publishRecords: topics.publishRecords,
  listTenants: tenants.listTenants,
  getTenant: tenants.getTenant,
  putTenant: tenants.putTenant,
  listPools: workers.listPools,
  listWorkers: workers.listWorkers,
  listBlocks: blocks.listBlocks,
  getBlock: blocks.getBlock,
  getBlockVersion: blocks.getBlockVersion,
  listBlocksOlder: blocks.listBlocksOlder,
  getBlockOlder: blocks.getBlockOlder,
  getBlockVersionOlder: blocks.getBlockVersionOlder,
  putBlob: blobs.putBlob,
  getBlob: blobs.getBlob,
  streamEvents: status.streamEvents,
  getHealth: status.getHealth,
  getHealthOlder: status.getHealthOlder,
  getLiveness: status.getLiveness,
  getReadiness: status.getReadiness,
  getReadinessOlder: status.getReadinessOlder,
  getMetrics: status.getMetrics,
  getDescription: status.getDescription,
  getDocs: status.getDocs,
  getMetricsOlder: olderRegistry.getMetricsOlder,
  decideRoute: olderDecide.decideRoute,
  getDecision: olderDecide.getDecision,
  postMessage: olderMessages.postMessage,
  listMessages: olderMessages.listMessages,
  getMessage: olderMessages.getMessage,
  putMessage: olderMessages.putMessage,
  deleteMessage: olderMessages.deleteMessage,
  bulkDeleteMessages: olderMessages.bulkDeleteMessages,
  exportMessages: olderMessages.exportMessages,
  exportSomeMessages: olderMessages.exportSomeMessages,
  streamMessages: olderMessages.streamMessages,
  registerBlock: olderRegistry.registerBlock,
  registerBlockUnder: olderRegistry.registerBlockUnder,
  updateBlock: olderRegistry.updateBlock,
  unregisterBlock: olderRegistry.unregisterBlock,
  ...NOT_BUILT,
} as const
export type Api = typeof API
