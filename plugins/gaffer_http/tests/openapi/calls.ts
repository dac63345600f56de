import createClient from "openapi-fetch";
import type { paths } from "./api.js";
declare const process: { argv: string[] };


const { GET, POST, DELETE } = createClient<paths>({ baseUrl: process.argv[2] });

function check(name: string, value: unknown, expected: unknown): void {
  if (JSON.stringify(value) !== JSON.stringify(expected)) {
    throw new Error(`${name}: ${JSON.stringify(value)}, not ${JSON.stringify(expected)}`);
  }
}

const job = { params: { path: { session: "default", name: "web" } } };

const loaded = await POST("/jobs/{session}", {
  params: { path: { session: "default" } },
  body: { name: "web", cmd: "sleep 60" },
});
check("load", loaded.data?.ok, true);
const started = await POST("/jobs/{session}/{name}/state", {
  params: { ...job.params, query: { wait: 10 } },
  body: { state: "start" },
});
check("start", started.data?.ok, true);
check("jobs", (await GET("/jobs")).data?.jobs, ["web"]);
check("status", (await GET("/jobs/{session}/{name}/status", job)).data?.running, 1);
check("pids", (await GET("/jobs/{session}/{name}/pids", job)).data?.pids, [1]);
const scaled = await POST("/jobs/{session}/{name}/numprocesses", { ...job, body: { scale: 1 } });
check("scale", scaled.data?.numprocesses, 2);
check("sessions", (await GET("/sessions")).data?.sessions, ["default"]);
check("version", (await GET("/version")).data?.name, "gaffer");
const missing = await GET("/jobs/{session}/{name}", {
  params: { path: { session: "default", name: "nope" } },
});
check("missing", missing.error?.error, "not_found");
check("unload", (await DELETE("/jobs/{session}/{name}", job)).data?.ok, true);
