/** What one process runs of a deployment: its tasks and its executors, from start to orderly end. */
import type { Block } from '../../processors/execute/block.ts'
import type { DeviceSource } from '../../processors/execute/device.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import { type ExecutorHandle, type ExecutorObserver, startExecutor } from '../executor/executor.ts'
import type { ExecutorOptions } from '../executor/options.ts'
import { type Log, LogError, type Membership } from '../log/port.ts'
import type { TaskObserver } from '../task/observer.ts'
import { Task, type TaskOptions } from '../task/task.ts'
import type { Topology } from '../topology.ts'
import type { AttemptTracing } from '../tracing/port.ts'
import { untilReachable } from './until-reachable.ts'

export interface PoolRole {
  readonly pool: Pool
  /** Steps executed at once. */
  readonly concurrency: number
  readonly blocks: readonly Block[]
  /** What the pool's steps run on, if that is more than the process. */
  readonly device?: DeviceSource
}

export interface NodeConfig {
  readonly log: Log
  readonly environment: Environment
  readonly topology: Topology
  /** Unique among the processes of the deployment. */
  readonly workerId: string
  readonly tasks: boolean
  readonly pools: readonly PoolRole[]
  readonly taskObserver: TaskObserver
  readonly executorObserver?: ExecutorObserver
  /** Absent: nothing is traced. */
  readonly tracing?: AttemptTracing
  readonly executorOptions?: Partial<ExecutorOptions>
  readonly taskOptions?: TaskOptions
  /** A task has stopped for good. */
  readonly onTaskStopped?: (taskId: number, error: Error) => void
}

export class Node {
  readonly #config: NodeConfig
  readonly #tasks = new Map<number, Task>()
  readonly #executors: ExecutorHandle[] = []
  #membership: Membership | null = null
  #state: 'joining' | 'joined' | 'leaving' = 'joining'
  #joinProblem: string | null = null
  readonly #ending = new AbortController()

  constructor(config: NodeConfig) {
    this.#config = config
  }

  async start(): Promise<void> {
    const { log, tasks, pools } = this.#config
    if (tasks) {
      const join = () =>
        log.joinTasks({
          onAssigned: (taskId) => this.#startTask(taskId),
          onRevoked: (taskId) => this.#endTask(taskId),
        })
      this.#membership = await this.#insist(join)
    }
    for (const role of pools) this.#executors.push(await this.#insist(() => this.#startExecutor(role)))
    if (this.#state === 'joining') this.#state = 'joined'
  }

  /** The tasks this process owns now. */
  get tasks(): readonly Task[] {
    return [...this.#tasks.values()]
  }

  /** True when this process's roles are ready: tasks assigned and restored, pools joined, the log takes records. */
  isReady(): boolean {
    return this.waitsFor() === null
  }

  /** What this process waits for, in words; `null`: it is ready. */
  waitsFor(): string | null {
    const { writable, reason } = this.#config.log.health()
    if (!writable) return reason ?? 'the log takes no records'
    if (this.#state === 'leaving') return 'this process is stopping'
    if (this.#state === 'joining') return this.#joinProblem ?? 'the tasks and pools are being joined'
    return this.#tasksWaitFor() ?? this.#poolsWaitFor()
  }

  #tasksWaitFor(): string | null {
    if (!this.#config.tasks) return null
    if (this.#tasks.size === 0) {
      return this.#membership?.settled?.() === true ? null : 'no task has been assigned to this process yet'
    }
    for (const { taskId, phase } of this.#tasks.values()) {
      if (phase === 'stopped') return `task ${taskId} has stopped; the log says why`
      if (phase !== 'running') return `task ${taskId} is ${phase}`
    }
    return null
  }

  #poolsWaitFor(): string | null {
    for (const { trouble } of this.#executors) if (trouble !== null) return trouble
    return null
  }

  /** Pools that this process executes steps of. */
  get pools(): readonly Pool[] {
    return this.#executors.map((executor) => executor.pool)
  }

  /** Executors first, so that what they finish is still decided; then the tasks. */
  async drain(): Promise<void> {
    this.#state = 'leaving'
    this.#ending.abort(new LogError('LOG_CLOSED', 'this process is stopping'))
    await Promise.all(this.#executors.map((executor) => executor.drain()))
    await Promise.all(this.tasks.map((task) => task.drain()))
    this.#tasks.clear()
    await this.#membership?.leave()
  }

  /** Stops as a crash would, for simulation. */
  kill(): void {
    this.#ending.abort(new LogError('LOG_CLOSED', 'this process was killed'))
    for (const executor of this.#executors) executor.kill()
    for (const task of this.#tasks.values()) task.kill()
    this.#tasks.clear()
  }

  /** A group that cannot be joined for want of a broker is joined later. */
  #insist<T>(attempt: () => Promise<T>): Promise<T> {
    return untilReachable({
      environment: this.#config.environment,
      attempt,
      onFailure: (error) => {
        this.#joinProblem = error.message
      },
      signal: this.#ending.signal,
    })
  }

  #startTask(taskId: number): void {
    const { log, environment, topology, taskObserver, taskOptions, onTaskStopped } = this.#config
    const task = new Task({
      taskId,
      log,
      environment,
      topology,
      observer: taskObserver,
      ...(taskOptions === undefined ? {} : { options: taskOptions }),
      onStopped: (error) => onTaskStopped?.(taskId, error),
    })
    this.#tasks.set(taskId, task)
    task.start()
  }

  async #endTask(taskId: number): Promise<void> {
    const task = this.#tasks.get(taskId)
    this.#tasks.delete(taskId)
    await task?.drain()
  }

  #startExecutor(role: PoolRole): Promise<ExecutorHandle> {
    const { log, environment, workerId, executorObserver, executorOptions, tracing } = this.#config
    return startExecutor({
      log,
      environment,
      pool: role.pool,
      blocks: role.blocks,
      workerId,
      concurrency: role.concurrency,
      ...(role.device === undefined ? {} : { device: role.device }),
      ...(executorObserver === undefined ? {} : { observer: executorObserver }),
      ...(executorOptions === undefined ? {} : { options: executorOptions }),
      ...(tracing === undefined ? {} : { tracing }),
    })
  }
}
