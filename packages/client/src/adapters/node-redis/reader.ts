/** Reads from replicas behind a reader endpoint. What they say is never believed without the primary's word. */
import { createClient } from '@redis/client'
import type { Command, ConnectionOptions, Reply } from '../../connection.ts'
import { clientOptions, type RawClient, watchNode } from './node.ts'

export interface Reader {
  /** Null for what no replica answers: as good as not there. */
  read(commands: readonly Command[]): Promise<readonly Reply[]>
  close(): void
}

export const createReader = (options: ConnectionOptions, url: string): Reader => {
  const client = createClient({ ...clientOptions({ ...options, track: false }), url })
  const node = watchNode(client as unknown as RawClient, {
    commandTimeout: options.commandTimeout ?? 500,
    credentials: options.credentials,
    track: false,
    anyRole: true,
    renew: () => undefined,
    onLost: () => undefined,
    onInvalidated: () => undefined,
  })
  client.connect().catch(() => undefined) // closed meanwhile; all else is told by events
  return {
    read: (commands) => Promise.all(commands.map((command) => node.call(command).catch(() => null))),
    close: () => {
      node.dispose()
      client.destroy()
    },
  }
}
