package compilation

import (
	"context"
	"path/filepath"

	"github.com/RepliBuild/replibuild/ipc"
)

// Generate implements [ipc.Compilation].
func (s *Service) Generate(ctx context.Context, req ipc.GenerateRequest) (ipc.GenerateReply, error) {
	if req.Step.ID == "" || len(req.Step.Command) == 0 || len(req.Step.Outputs) == 0 {
		return ipc.GenerateReply{}, ipc.Errorf(ipc.CodeBadRequest, "step %q: id, command and outputs must not be empty", req.Step.ID)
	}
	ctx, w, end, err := s.newWork(ctx, req.Build, req.Root, req.Env, req.Caller, req.Timeout)
	if err != nil {
		return ipc.GenerateReply{}, err
	}
	defer end()
	w.buildDir = req.BuildDir
	for _, out := range req.Step.Outputs { // before folders are looked at: a step may list the one above
		_ = w.makeFolder(filepath.Dir(w.view.abs(out)) + "/") // an error comes again
	}
	r := w.do(ctx, newCommand(w, &req))
	if r.Status == ipc.StatusCompiled || r.Status == ipc.StatusCached && !r.InPlace {
		// What is compiled from the outputs at once is stored only if their stamps are past.
		_ = w.untilSettled(ctx, req.Step.Outputs)
	}
	track := newTrackBuilder(w.view)
	track.add(r.ID, "", r.rec)
	reply := ipc.GenerateReply{Result: r.UnitResult, Track: track.news()}
	if ctx.Err() != nil {
		return reply, cancelledError(ctx, req.Build)
	}
	return reply, nil
}
