import { connectionContract, enginesContract } from '../../connection.contract.ts'
import { connectNodeRedis } from './index.ts'

connectionContract('@redis/client', connectNodeRedis, { tracking: true })
enginesContract('@redis/client', connectNodeRedis)
