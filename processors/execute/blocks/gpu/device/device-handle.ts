/** One device process, seen from the engine. */
import { type ChildProcess, fork } from 'node:child_process'
import { workerFile } from '../../workers/worker-file.ts'
import type { GpuSettings } from '../gpu-settings.ts'
import type { DeviceInfo } from './backend-names.ts'
import {
  BACKEND_VARIABLE,
  type DeviceCall,
  type DeviceMessage,
  DRIVER_VARIABLE,
  LOSE_AFTER_VARIABLE,
} from './protocol.ts'

export interface DeviceListener {
  opened(info: DeviceInfo): void
  answered(message: DeviceMessage & { readonly kind: 'results' }): void
  /** It ended without having been killed. */
  ended(reason: string): void
}

/** What drivers look at. Secrets of ours are none of their business. */
const DRIVER_VARIABLES =
  /^(?:PATH|HOME|NODE_PATH|LD_LIBRARY_PATH|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|(?:VK|XDG|NVIDIA|CUDA|MESA|LIBGL|DRI|ANGLE)_.*)$/
/** On Linux the package `gl` computes in floats with OpenGL ES only, and takes another OpenGL if it is not told. */
const FLOATS_OF_GL = process.platform === 'linux' ? { ANGLE_DEFAULT_PLATFORM: 'gles' } : {}

export class DeviceHandle {
  readonly #child: ChildProcess
  #gone = false
  #reason = ''

  constructor(settings: GpuSettings, heapMb: number, listener: DeviceListener) {
    this.#child = fork(workerFile('device-worker', import.meta.url), {
      execArgv: [`--max-old-space-size=${heapMb}`],
      env: variablesOf(settings),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child.on('message', (message: DeviceMessage) => {
      if (this.#gone) return
      if (message.kind === 'ready') listener.opened(message.info)
      else if (message.kind === 'results') listener.answered(message)
      else this.#end(listener, message.kind === 'lost' ? `the device is lost: ${message.reason}` : message.message)
    })
    this.#child.on('error', (error) => this.#end(listener, error.message))
    this.#child.on('exit', (code, signal) => this.#end(listener, `exit code ${code ?? signal}`))
    this.hold(false)
  }

  send(call: DeviceCall): void {
    this.#child.send(call, (error) => {
      // its exit tells the rest
      if (error !== null) this.#reason ||= error.message
    })
  }

  /** An idle process does not keep ours alive. */
  hold(on: boolean): void {
    if (on) {
      this.#child.ref()
      this.#child.channel?.ref()
    } else {
      this.#child.unref()
      this.#child.channel?.unref()
    }
  }

  kill(): void {
    this.#gone = true
    this.#child.kill('SIGKILL')
  }

  /** Resolves once it is gone. */
  close(): Promise<void> {
    this.#gone = true
    return new Promise((resolve) => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        resolve()
        return
      }
      this.#child.ref()
      this.#child.once('exit', () => resolve())
      this.#child.kill('SIGKILL')
    })
  }

  #end(listener: DeviceListener, reason: string): void {
    if (this.#gone) return
    this.kill()
    listener.ended(this.#reason || reason)
  }
}

function variablesOf({ backend = null, vulkanDriver = null, loseAfter }: GpuSettings): NodeJS.ProcessEnv {
  const variables: NodeJS.ProcessEnv = { NODE_NO_WARNINGS: '1', ...FLOATS_OF_GL }
  for (const [name, value] of Object.entries(process.env)) if (DRIVER_VARIABLES.test(name)) variables[name] = value
  if (backend !== null) variables[BACKEND_VARIABLE] = backend
  if (loseAfter !== undefined) variables[LOSE_AFTER_VARIABLE] = String(loseAfter)
  if (vulkanDriver !== null) {
    variables.VK_ICD_FILENAMES = vulkanDriver
    variables.VK_DRIVER_FILES = vulkanDriver
    variables[DRIVER_VARIABLE] = 'true'
  }
  return variables
}
