/** Refusals do not wait for what is refused. */
import type { RequestListener } from 'node:http'

const ABOUT_BODIES = ['content-length', 'transfer-encoding', 'content-type'] as const

/**
 * The routes, who while `isStopping` see only the head of a request: one that brings work is refused as soon as that is there, however slowly its body comes.
 * Node throws the body away. Asked here, before the framework, since a hook would cost every request more.
 */
export function withoutBodiesWhile(isStopping: () => boolean, routes: RequestListener): RequestListener {
  return (request, response) => {
    if (isStopping()) for (const name of ABOUT_BODIES) delete request.headers[name]
    routes(request, response)
  }
}
