package oracle

// Why a kind is not drawn yet, "" = it is.
const (
	openWrappers  = "x"
	openPlaces    = "x"
	openSwaps     = "x"
	openClock     = "x"
	openCoarse    = "x"
	openPaths     = "x"
	openQuiet     = "x"
	openCaller    = "x"
	openDeaths    = "x"
	openAssembler = "x"
	openEditors   = "x"
	openPlan      = "x"
	openNames     = "x"
)
