-- The writers of cluster_galera.py, for sysbench: each has rows of its own, and commits one UPDATE of them at a time.

sysbench.cmdline.options = { node = { "number of the node", 0 }, rows = { "rows of a commit", 1 } }

local function int(statement, value)
   local parameter = statement:bind_create(sysbench.sql.type.INT)
   parameter:set(value)
   return parameter
end

function thread_init()
   con = sysbench.sql.driver():connect()
   local first = (sysbench.opt.node * 1000 + sysbench.tid) * 100000
   local last = first + sysbench.opt.rows - 1
   for start = first, last, 1000 do
      local rows = {}
      for id = start, math.min(start + 999, last) do rows[#rows + 1] = "(" .. id .. ", 0)" end
      con:query("INSERT IGNORE INTO counter VALUES " .. table.concat(rows, ", "))
   end
   if sysbench.opt.rows == 1 then
      update = con:prepare("UPDATE counter SET value = value + 1 WHERE id = ?")
      update:bind_param(int(update, first))
   else
      update = con:prepare("UPDATE counter SET value = value + 1 WHERE id BETWEEN ? AND ?")
      update:bind_param(int(update, first), int(update, last))
   end
end

function event()
   update:execute()
end

function thread_done()
   con:disconnect()
end

function sysbench.hooks.report_cumulative(report)
   print(string.format('{"commits": %d, "seconds": %f, "p50_us": null, "p99_us": %f}',
      report.events, report.time_total, report.latency_pct * 1e6))
end
