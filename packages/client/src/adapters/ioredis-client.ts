/** `ioredis`, also where it was bundled. */
import './ioredis-before.ts'

export { Redis, ReplyError } from 'ioredis'
