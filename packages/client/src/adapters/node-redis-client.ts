/** `@redis/client`, also where it was bundled. */
import './node-redis-before.ts'

export { createClient, ErrorReply, RESP_TYPES } from '@redis/client'
